// SPDX-License-Identifier: ISC
// key.js: security keys (WebAuthn): what the server asks goes to the browser, and what the key says goes back, as base64url.
import { Failure } from "./api.js";

export const canKeys = () => Boolean(window.PublicKeyCredential && navigator.credentials);

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const named = (names) => names.map((id) => ({ type: "public-key", id: bytes(id) }));

async function ask(question) {
	try {
		return await question();
	} catch (e) {
		throw new Failure(e.name === "InvalidStateError" ? "This key is one of the account's already." : "The key did not answer: it was not touched in time, or the browser does not know it.", 0, 0);
	}
}

// The answer to the first step of "security-key add"
export async function makeKey(asked, address) {
	const { response } = await ask(() => navigator.credentials.create({ publicKey: {
		challenge: bytes(asked.challenge), rp: { id: asked.rp_id, name: asked.rp_id }, user: { id: bytes(asked.user), name: address, displayName: address },
		pubKeyCredParams: asked.algorithms.split(",").map((alg) => ({ type: "public-key", alg: Number(alg) })), excludeCredentials: named(asked.known.split(",").filter(Boolean)),
		authenticatorSelection: { residentKey: "discouraged", userVerification: "preferred" }, attestation: "none", timeout: Number(asked.milliseconds) } }));
	return { challenge: asked.challenge, client_data: text(response.clientDataJSON), authenticator_data: text(response.getAuthenticatorData()) };
}

// The answer to a login that asks for a key
export async function useKey(asked) {
	const key = await ask(() => navigator.credentials.get({ publicKey: { challenge: bytes(asked.challenge), rpId: asked.rp_id, allowCredentials: named(asked.keys), userVerification: "preferred" } }));
	return { key: text(key.rawId), challenge: asked.challenge, client_data: text(key.response.clientDataJSON), authenticator_data: text(key.response.authenticatorData), signature: text(key.response.signature) };
}
