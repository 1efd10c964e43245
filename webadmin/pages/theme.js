// SPDX-License-Identifier: ISC
// theme.js: sets the chosen colours before the first paint. "auto" (the default) leaves the
// choice to the system; a plain script, so that it runs before the style sheet is used.
(function () {
	var chosen = "auto";
	try {
		chosen = localStorage.getItem("mansio-theme") || "auto";
	} catch (e) {
		// no storage (a locked-down browser): the system's choice
	}
	if (chosen === "light" || chosen === "dark")
		document.documentElement.dataset.theme = chosen;
})();
