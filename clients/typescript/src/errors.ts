import { status } from '@grpc/grpc-js';
import type { ErrorReason } from './reasons.js';

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
