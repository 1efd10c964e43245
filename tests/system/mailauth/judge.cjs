// SPDX-License-Identifier: ISC
// What mailauth says of the DKIM signatures of messages: standard input: {"records": {NAME: TEXT}, "files": [PATH]}; out, for
// each file: {SELECTOR: RESULT}. The DNS is `records`, and nothing else.
'use strict';
const fs = require('fs');
const { createRequire } = require('module');
const { dkimVerify } = createRequire(process.argv[2] + '/')('mailauth/lib/dkim/verify');

async function main() {
    const { records, files } = JSON.parse(fs.readFileSync(0, 'utf8'));
    const resolver = async name => {
        if (name in records) return [[records[name]]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    };
    const out = [];
    for (const file of files) {
        const { results } = await dkimVerify(fs.readFileSync(file), { resolver });
        out.push(Object.fromEntries(results.map(r => [r.selector || '', r.status.result])));
    }
    process.stdout.write(JSON.stringify(out));
}

main();
