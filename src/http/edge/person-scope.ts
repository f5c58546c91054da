import type { PersonScope } from '#protocol';

/** What talks with agents, and answers what they ask. */
const CHAT = [
  /^POST \/v1\/towns\/[^/]+\/agents\/[^/]+\/(?:messages|interrupt|ag-ui)$/,
  /^DELETE \/v1\/towns\/[^/]+\/agents\/[^/]+\/messages\/[^/]+$/,
  /^POST \/v1\/towns\/[^/]+\/permissions\/[^/]+$/,
  /^POST \/openai\/v1\/chat\/completions$/,
];
/** A ticket opens a stream, and an introspection tells of a token: both only show. */
const SHOWS = /^POST \/v1\/(?:towns\/[^/]+\/tickets|oauth\/introspect)$/;

/** What a person's credential has to allow for a request. A route that is not named here needs `admin` unless it only reads. */
export function neededScope(method: string, path: string): PersonScope {
  const request = `${method} ${path}`;
  if (method === 'GET' || method === 'HEAD' || SHOWS.test(request)) return 'read';
  return CHAT.some((route) => route.test(request)) ? 'chat' : 'admin';
}
