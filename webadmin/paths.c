/* SPDX-License-Identifier: ISC
 *
 * paths.c: who serves which path. The first row that fits serves; the files of the
 * page come last.
 */
#include "webadmin/web.h"

const struct web_path web_paths[] = {
	{ "/api/v1/", true, api_serve, false, false },
	{ "/metrics", false, api_metrics, false, false },
	/* names that programs look for: autoconfig.h. Outlook writes them in its own ways */
	{ "/mail/config-v1.1.xml", false, autoconfig_serve_mozilla, true, true },
	{ "/.well-known/autoconfig/mail/config-v1.1.xml", false, autoconfig_serve_mozilla, true, true },
	{ "/.well-known/mta-sts.txt", false, sts_serve, true, false },
	{ "/autodiscover/autodiscover.xml", true, autoconfig_serve_outlook, true, false },
	{ "/Autodiscover/Autodiscover.xml", true, autoconfig_serve_outlook, true, false },
	{ "/AutoDiscover/AutoDiscover.xml", true, autoconfig_serve_outlook, true, false },
	{ "/autodiscover/autodiscover.json", false, autoconfig_serve_json, true, false },
	{ "/autodiscover/autodiscover.json/", false, autoconfig_serve_json, true, false },
	{ "/apple.mobileconfig", false, autoconfig_serve_apple, false, false },
	{ "/apple.svg", false, autoconfig_serve_qr, false, false },
	{ "/", false, files_serve, false, false },
	{ NULL, false, NULL, false, false },
};
