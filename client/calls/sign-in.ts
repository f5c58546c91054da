/** How a page comes to a credential. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller } from '../caller.ts';

export const signInCalls = (caller: Caller) => ({
  /** Needs no token. */
  getSignIn: (options?: CallOptions): Promise<api.SignInWays> => caller.get('/v1/sign-in', options),

  /** The one answer that has the link. */
  createSignInLink: (order: api.SignInLinkOrder = {}, options?: CallOptions): Promise<api.SignInLink> =>
    caller.post('/v1/sign-in/links', order, options),

  /** Needs no token; the code is used up with the first answer. */
  redeemSignInLink: (code: api.SignInCode, options?: CallOptions): Promise<api.NewApiKey> =>
    caller.post('/v1/sign-in', code, options),
});
