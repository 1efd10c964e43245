// SPDX-License-Identifier: ISC
// format.js: numbers, sizes and times as people read them, in the user's locale.
const number = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

// The API's value as a number, NaN if it is none ("" and "-" included)
export const toNumber = (v) => (v === null || v === undefined || v === "" || v === "-" ? NaN : Number(v));

export function count(v) {
	const n = toNumber(v);
	return Number.isNaN(n) ? "–" : number.format(n);
}

export function some(v) {
	const n = toNumber(v);
	return Number.isNaN(n) ? "–" : Math.abs(n) >= 1000 ? number.format(Math.round(n)) : short.format(n);
}

export function bytes(v) {
	let n = toNumber(v), i = 0;
	const units = ["B", "KB", "MB", "GB", "TB", "PB"];
	if (Number.isNaN(n))
		return "–";
	for (; n >= 1000 && i < units.length - 1; i++)
		n /= 1024;
	return `${n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1).replace(/\.0$/, "")} ${units[i]}`;
}

// seconds as the two largest units: "3 d 4 h"
export function span(v) {
	let n = Math.round(toNumber(v));
	if (Number.isNaN(n))
		return "–";
	const sign = n < 0 ? "−" : "";
	n = Math.abs(n);
	const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
	const at = parts.findIndex(([, s]) => n >= s);
	if (at < 0)
		return "0 s";
	const [unit, s] = parts[at];
	const rest = parts[at + 1] ? Math.floor((n % s) / parts[at + 1][1]) : 0;
	return `${sign}${Math.floor(n / s)} ${unit}${rest ? ` ${rest} ${parts[at + 1][0]}` : ""}`;
}

export function milliseconds(v) {
	const n = toNumber(v);
	return Number.isNaN(n) ? "–" : n >= 1000 ? `${short.format(n / 1000)} s` : `${Math.round(n)} ms`;
}

const asDate = (v) => {
	const n = toNumber(v);
	return Number.isNaN(n) || n <= 0 ? null : new Date(n * 1000);
};
export const when = (v) => (asDate(v) ? dateTime.format(asDate(v)) : "–");
export const exactly = (v) => (asDate(v) ? exact.format(asDate(v)) : "");
export const time = (v) => (asDate(v) ? clock.format(asDate(v)) : "–");
export const date = (v) => (asDate(v) ? day.format(asDate(v)) : "–");

export function ago(v) {
	const d = asDate(v);
	if (!d)
		return "–";
	const s = (d.getTime() - Date.now()) / 1000;
	for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
		if (Math.abs(s) >= size)
			return relative.format(Math.round(s / size), unit);
	return relative.format(Math.round(s), "second");
}

export const list = (v) => (Array.isArray(v) ? v : String(v ?? "").split(/[\s,]+/)).filter(Boolean);
export const yes = (v) => v === true || v === "yes" || v === 1 || v === "true" || v === "1";
export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;
