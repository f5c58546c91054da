import type { PersonScope } from '#protocol';

/** What talks with agents, and answers what they ask. */
const CHAT = [
  /^POST \/v1\/towns\/[^/]+\/agents\/[^/]+\/(?:messages|interrupt|ag-ui)$/,
  /^DELETE \/v1\/towns\/[^/]+\/agents\/[^/]+\/messages\/[^/]+$/,
  /^POST \/v1\/towns\/[^/]+\/permissions\/[^/]+$/,
  /^POST \/openai\/v1\/(?:chat\/completions|responses)$/,
];
/** A ticket opens a stream, an introspection tells of a token, and a sign-in link hands on what its maker may do anyway. */
const SHOWS = /^POST \/v1\/(?:towns\/[^/]+\/tickets|oauth\/introspect|sign-in\/links)$/;

/** The figures of every town of a person: for programs that watch over them, and no part of what one town shows its readers. */
const WATCHES = 'GET /metrics';

/** What a person's credential has to allow for a request. A route that is not named here needs `admin` unless it only reads. */
export function neededScope(method: string, path: string): PersonScope {
  const request = `${method === 'HEAD' ? 'GET' : method} ${path}`;
  if (request === WATCHES) return 'admin';
  if (method === 'GET' || method === 'HEAD' || SHOWS.test(request)) return 'read';
  return CHAT.some((route) => route.test(request)) ? 'chat' : 'admin';
}
