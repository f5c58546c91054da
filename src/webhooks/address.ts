/**
 * Where webhooks may lead. The address is a person's word, and the request comes from inside the deployment: nothing in there may be
 * reached by it. What a name resolves to is not known here; what keeps a name from leading inside is said in SECURITY.md.
 */
import { MAX_WEBHOOK_URL_UNITS } from '#protocol';
import { isLoopback, isLoopbackOrHttps } from '#lib/variables.ts';

/** Names that lead to no place of the public internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN on .internal). */
const INSIDE = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'home.arpa',
  'lan',
  'corp',
  'home',
  'test',
  'onion',
  'alt',
];

/** The rule that an address breaks, or null. On a `loopback` deployment also http, to this very machine. */
export function addressFault(text: string, loopback: boolean): string | null {
  if (text.length > MAX_WEBHOOK_URL_UNITS) return `must have at most ${MAX_WEBHOOK_URL_UNITS} characters`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be an address like https://hooks.example.com/reeve';
  if (url.username !== '' || url.password !== '' || url.hash !== '') return 'must have no credentials and no fragment';
  if (loopback) return isLoopbackOrHttps(url) ? null : 'must be https, or http on loopback';
  if (isLoopback(url) || !isPublicName(url.hostname))
    return 'must lead to a public host by its name, not to an IP address';
  return url.protocol === 'https:' ? null : 'must be https';
}

/** The parser has brought every spelling of an IPv4 address (octal, hexadecimal, one number) into the same form. */
function isPublicName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  const isAddress = name.startsWith('[') || /^[\d.]+$/.test(name);
  return !isAddress && name.includes('.') && !INSIDE.some((end) => name === end || name.endsWith(`.${end}`));
}
