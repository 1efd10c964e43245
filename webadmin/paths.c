/* SPDX-License-Identifier: ISC
 *
 * paths.c: who serves which path. The first row that fits serves; the files of the
 * page come last.
 */
#include "webadmin/web.h"

const struct web_path web_paths[] = {
	{ "/api/v1/", true, api_serve },
	{ "/metrics", false, api_metrics },
	{ "/", false, files_serve },
	{ NULL, false, NULL },
};
