/** How a page comes to a credential. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller } from '../caller.ts';

export const signInCalls = (caller: Caller) => ({
  /** Needs no token. */
  getSignIn: (options?: CallOptions): Promise<api.SignInWays> => caller.get('/v1/sign-in', options),
});
