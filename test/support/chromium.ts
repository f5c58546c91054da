/** The browser that pages are tried in, where there is one. */
import { existsSync } from 'node:fs';

/** Debian's. */
export const CHROMIUM = '/usr/bin/chromium';

/** Why pages are not tried in a browser on this machine, in one line; null: they are. */
export const noBrowser = existsSync(CHROMIUM)
  ? null
  : `there is no browser at ${CHROMIUM}, so that no page is tried in one: apt-get install chromium`;
