import { status } from '@grpc/grpc-js';

/** A field of the request that the server refuses, and why. */
export interface FieldViolation {
  /** The field as the .proto files write it: "app_id". */
  field: string;
  description: string;
}

/** The name of a gRPC status code: "UNAVAILABLE". */
export type CodeName = keyof typeof status;

/** What a `WxidentError` is made of. */
export interface WxidentErrorInit {
  /** Left out when the answer names no reason. */
  reason?: ErrorReason | undefined;
  code: status;
  metadata?: Record<string, string> | undefined;
  violations?: FieldViolation[] | undefined;
  retryAfterMs?: number | undefined;
  requestId?: string | undefined;
}

/**
 * A call that failed. Where the server said why, the error is of the subclass
 * of that reason; otherwise (no connection, a deadline that passed here, a call
 * that was refused before the server looked at it) it is a plain `WxidentError`
 * with an empty `reason`. The message says what to do next, and never holds a
 * token, code or phone number.
 */
export class WxidentError extends Error {
  /** Why, as `ErrorReason` of the .proto files names it; else "". */
  readonly reason: ErrorReason | '';
  /** The gRPC status code. */
  readonly code: status;
  /** WeChat's `errcode` and `rid`, where WeChat answered. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What is wrong with which fields, for `RequestInvalidError`. */
  readonly violations: readonly FieldViolation[];
  /** How long to wait before another try, where the server said so. */
  readonly retryAfterMs: number | undefined;
  /**
   * What the server's logs call this call, for a question to its operator; the
   * message ends with it. Nothing when no server answered.
   */
  readonly requestId: string | undefined;

  constructor(message: string, init: WxidentErrorInit) {
    super(
      init.requestId ? `${message} (request ${init.requestId})` : message,
    );
    this.name = new.target.name;
    this.reason = init.reason ?? '';
    this.code = init.code;
    this.metadata = init.metadata ?? {};
    this.violations = init.violations ?? [];
    this.retryAfterMs = init.retryAfterMs;
    this.requestId = init.requestId;
  }

  /** The status code's name: "FAILED_PRECONDITION". */
  get codeName(): CodeName {
    return status[this.code] as CodeName;
  }

  /** WeChat's errcode, where WeChat answered: "40029". */
  get errcode(): string | undefined {
    return this.metadata['errcode'];
  }

  /** WeChat's request id, for a question to WeChat. */
  get rid(): string | undefined {
    return this.metadata['rid'];
  }
}

/**
 * The constructor of a `Client` was given something it cannot work with. The
 * message names the option and the environment variable.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * `REQUEST_INVALID` (INVALID_ARGUMENT). A field is missing or malformed;
 * google.rpc.BadRequest names it. Mend the request; sending it again cannot
 * help.
 */
export class RequestInvalidError extends WxidentError {}

/**
 * `APP_UNKNOWN` (INVALID_ARGUMENT). The server is not configured with this
 * app_id. Check the id, or add the app to the server's configuration.
 */
export class AppUnknownError extends WxidentError {}

/**
 * `DECRYPT_REJECTED` (INVALID_ARGUMENT). Encrypted data did not open, or what
 * it held was not what WeChat makes for this app. The same answer covers
 * every cause. Log in again (wx.login first), then ask WeChat for the data
 * again.
 */
export class DecryptRejectedError extends WxidentError {}

/**
 * `LOGIN_CODE_INVALID` (FAILED_PRECONDITION). WeChat does not know this code:
 * it is mistyped, older than 5 minutes, or of another app. Get a new code
 * with wx.login.
 */
export class LoginCodeInvalidError extends WxidentError {}

/**
 * `LOGIN_CODE_CONSUMED` (FAILED_PRECONDITION). The code has been used, or was
 * sent to WeChat and its answer was lost; a code works once. Get a new code
 * with wx.login.
 */
export class LoginCodeConsumedError extends WxidentError {}

/**
 * `SESSION_NOT_ACTIVE` (FAILED_PRECONDITION). The session token is unknown,
 * expired or revoked. Log in again.
 */
export class SessionNotActiveError extends WxidentError {}

/**
 * `SESSION_KEY_STALE` (FAILED_PRECONDITION). No session_key that could open
 * the data is kept. Log in again (wx.login first), then ask WeChat for the
 * data again.
 */
export class SessionKeyStaleError extends WxidentError {}

/**
 * `SNAPSHOT_USER` (FAILED_PRECONDITION). WeChat shows this person a snapshot
 * page with made-up ids; nothing was stored. Ask the person to open the full
 * page and log in there.
 */
export class SnapshotUserError extends WxidentError {}

/**
 * `OAUTH_GRANT_EXPIRED` (FAILED_PRECONDITION). The person's web authorisation
 * is missing, expired or withdrawn. Send the person through GetAuthorizeUrl
 * again.
 */
export class OauthGrantExpiredError extends WxidentError {}

/**
 * `OAUTH_SCOPE_INSUFFICIENT` (FAILED_PRECONDITION). The person authorised
 * snsapi_base only, which gives no profile. Send the person through
 * GetAuthorizeUrl with snsapi_userinfo.
 */
export class OauthScopeInsufficientError extends WxidentError {}

/**
 * `APP_MISCONFIGURED` (FAILED_PRECONDITION). WeChat refuses the app's own
 * settings: app secret, IP list, binding. Callers cannot mend it; tell the
 * operator the errcode.
 */
export class AppMisconfiguredError extends WxidentError {}

/**
 * `USER_BLOCKED` (PERMISSION_DENIED). WeChat has blocked, frozen or flagged
 * this user. Do not retry.
 */
export class UserBlockedError extends WxidentError {}

/**
 * `API_UNAUTHORIZED` (PERMISSION_DENIED). The app's account may not use this
 * WeChat API. Tell the operator the errcode.
 */
export class ApiUnauthorizedError extends WxidentError {}

/**
 * `CALLER_NOT_ALLOWED` (PERMISSION_DENIED). The server's policy does not
 * let this service call the method, or not for this app. Ask the server's
 * operator for a row.
 */
export class CallerNotAllowedError extends WxidentError {}

/**
 * `CALLER_UNAUTHENTICATED` (UNAUTHENTICATED). This service has not proved
 * who it is: its client certificate names no single URI, or is revoked. Get
 * a new certificate.
 */
export class CallerUnauthenticatedError extends WxidentError {}

/**
 * `USER_NOT_FOUND` (NOT_FOUND). No user has this user_id, identity or
 * unionid.
 */
export class UserNotFoundError extends WxidentError {}

/**
 * `PROFILE_NOT_FOUND` (NOT_FOUND). The identity is known, but no profile has
 * been stored for it.
 */
export class ProfileNotFoundError extends WxidentError {}

/**
 * `WECHAT_RATE_LIMITED` (RESOURCE_EXHAUSTED). WeChat limits calls of this
 * app. Wait as long as google.rpc.RetryInfo says.
 */
export class WechatRateLimitedError extends WxidentError {}

/**
 * `TOKEN_BUDGET_EXHAUSTED` (RESOURCE_EXHAUSTED). The app's budget of
 * access_token fetches is used up. Wait as long as google.rpc.RetryInfo says.
 */
export class TokenBudgetExhaustedError extends WxidentError {}

/**
 * `OVERLOADED` (RESOURCE_EXHAUSTED). This server has more work waiting than
 * it accepts. Wait as long as google.rpc.RetryInfo says, or try another
 * replica.
 */
export class OverloadedError extends WxidentError {}

/**
 * `CALLER_RATE_LIMITED` (RESOURCE_EXHAUSTED). This service exceeds the
 * rate, or the number of calls at once, that the server's policy gives it.
 * Wait as long as google.rpc.RetryInfo says.
 */
export class CallerRateLimitedError extends WxidentError {}

/**
 * `SESSION_RATE_LIMITED` (RESOURCE_EXHAUSTED). Too much encrypted data of
 * this session was refused within a minute. Wait as long as
 * google.rpc.RetryInfo says.
 */
export class SessionRateLimitedError extends WxidentError {}

/**
 * `WECHAT_BUSY` (UNAVAILABLE). WeChat says that it is busy. Retry; a login
 * needs a new code.
 */
export class WechatBusyError extends WxidentError {}

/**
 * `WECHAT_UNREACHABLE` (UNAVAILABLE). No connection to WeChat could be made,
 * and nothing was sent. Retry, with the same code if it is a login.
 */
export class WechatUnreachableError extends WxidentError {}

/**
 * `WECHAT_BAD_RESPONSE` (UNAVAILABLE). WeChat's answer could not be
 * understood. Retry; a login needs a new code.
 */
export class WechatBadResponseError extends WxidentError {}

/**
 * `STORE_UNAVAILABLE` (UNAVAILABLE). The database could not be asked. Retry,
 * with the same code if it is a login: an exchange that WeChat has answered
 * is remembered.
 */
export class StoreUnavailableError extends WxidentError {}

/**
 * `OUTCOME_UNKNOWN` (UNAVAILABLE). The request left for WeChat and no answer
 * came back, so whether it took effect is not known. Retry; a login needs a
 * new code.
 */
export class OutcomeUnknownError extends WxidentError {}

/**
 * `AUDIT_UNAVAILABLE` (UNAVAILABLE). The audit log cannot be written, and
 * nothing secret leaves without its line. Retry, or tell the operator.
 */
export class AuditUnavailableError extends WxidentError {}

/**
 * `DEADLINE_PASSED` (DEADLINE_EXCEEDED). The caller's deadline passed, or too
 * little of it was left to begin.
 */
export class DeadlinePassedError extends WxidentError {}

/**
 * `KEY_UNAVAILABLE` (DATA_LOSS). A stored value was encrypted under a key
 * that is not in the key ring. Tell the operator the key id.
 */
export class KeyUnavailableError extends WxidentError {}

/**
 * `TAMPERED` (DATA_LOSS). A stored value does not open: it was changed or
 * moved. Tell the operator.
 */
export class TamperedError extends WxidentError {}

/**
 * `WECHAT_REQUEST_REJECTED` (INTERNAL). WeChat refused the form of our
 * request: a defect of this server. Report it with the errcode and rid.
 */
export class WechatRequestRejectedError extends WxidentError {}

/**
 * `INTERNAL_FAULT` (INTERNAL). Something that must not happen happened.
 * Report it.
 */
export class InternalFaultError extends WxidentError {}

/**
 * `WECHAT_ERRCODE_UNKNOWN` (UNKNOWN). WeChat answered with an errcode that
 * this server does not know. Do not retry; the errcode is in the metadata.
 */
export class WechatErrcodeUnknownError extends WxidentError {}

const classes = {
  REQUEST_INVALID: RequestInvalidError,
  APP_UNKNOWN: AppUnknownError,
  DECRYPT_REJECTED: DecryptRejectedError,
  LOGIN_CODE_INVALID: LoginCodeInvalidError,
  LOGIN_CODE_CONSUMED: LoginCodeConsumedError,
  SESSION_NOT_ACTIVE: SessionNotActiveError,
  SESSION_KEY_STALE: SessionKeyStaleError,
  SNAPSHOT_USER: SnapshotUserError,
  OAUTH_GRANT_EXPIRED: OauthGrantExpiredError,
  OAUTH_SCOPE_INSUFFICIENT: OauthScopeInsufficientError,
  APP_MISCONFIGURED: AppMisconfiguredError,
  USER_BLOCKED: UserBlockedError,
  API_UNAUTHORIZED: ApiUnauthorizedError,
  CALLER_NOT_ALLOWED: CallerNotAllowedError,
  CALLER_UNAUTHENTICATED: CallerUnauthenticatedError,
  USER_NOT_FOUND: UserNotFoundError,
  PROFILE_NOT_FOUND: ProfileNotFoundError,
  WECHAT_RATE_LIMITED: WechatRateLimitedError,
  TOKEN_BUDGET_EXHAUSTED: TokenBudgetExhaustedError,
  OVERLOADED: OverloadedError,
  CALLER_RATE_LIMITED: CallerRateLimitedError,
  SESSION_RATE_LIMITED: SessionRateLimitedError,
  WECHAT_BUSY: WechatBusyError,
  WECHAT_UNREACHABLE: WechatUnreachableError,
  WECHAT_BAD_RESPONSE: WechatBadResponseError,
  STORE_UNAVAILABLE: StoreUnavailableError,
  OUTCOME_UNKNOWN: OutcomeUnknownError,
  AUDIT_UNAVAILABLE: AuditUnavailableError,
  DEADLINE_PASSED: DeadlinePassedError,
  KEY_UNAVAILABLE: KeyUnavailableError,
  TAMPERED: TamperedError,
  WECHAT_REQUEST_REJECTED: WechatRequestRejectedError,
  INTERNAL_FAULT: InternalFaultError,
  WECHAT_ERRCODE_UNKNOWN: WechatErrcodeUnknownError,
} as const;

/** Why a call failed: `ErrorReason` of the .proto files, without its prefix. */
export type ErrorReason = keyof typeof classes;

/** Each reason's class. */
export const errorClasses: Readonly<
  Record<
    ErrorReason,
    new (message: string, init: WxidentErrorInit) => WxidentError
  >
> = classes;
