// SPDX-License-Identifier: ISC
// all.js: what most screens need, from one place.
export * from "./bits.js";
export { Icon } from "./icons.js";
export { Table } from "./table.js";
export { VerbForm, VerbDialog, Field, inventPassword } from "./form.js";
export { Dialog, Confirm, useDialog } from "./dialog.js";
export { say } from "./toast.js";
