// SPDX-License-Identifier: ISC
// dom.js: the one place that knows the libraries: Preact with its hooks, and htm for the markup.
// Whatever stands in ${...} becomes a text node or an attribute's value, never markup.
import { h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { useState, useEffect, useRef, useMemo, useCallback, useLayoutEffect, useErrorBoundary, useId } from "../vendor/hooks.js";
export { render, Fragment };
export const html = htm.bind(h);
