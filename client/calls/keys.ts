/** The caller's own API keys. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions } from '../caller.ts';

export const keyCalls = (caller: Caller) => ({
  /** The one answer that has the key's text. */
  createApiKey: (order: api.ApiKeyOrder, options?: CallOptions): Promise<api.NewApiKey> =>
    caller.post('/v1/keys', order, options),

  listApiKeys: (options?: PageOptions): Promise<api.ApiKeyPage> => caller.page('/v1/keys', options),

  revokeApiKey: (key: string, options?: CallOptions): Promise<api.ApiKey> =>
    caller.delete(`/v1/keys/${encodeURIComponent(key)}`, options),
});
