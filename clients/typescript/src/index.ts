// The client of wxident, the WeChat identity service.
export * from './types.js';
export * from './errors.js';
export * from './reasons.js';
export { Client } from './client.js';
export type { CallOptions, ClientOptions, TraceContext } from './options.js';
export type { AccessTokenSource, GetTokenOptions } from './token_source.js';
export {
  sessionOf,
  type AuthenticatorOptions,
  type GrpcServerInterceptor,
  type HttpMiddleware,
  type SessionAuthenticator,
} from './authenticator.js';
export { version } from './version.js';
