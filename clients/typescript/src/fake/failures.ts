// The statuses that the server answers with.
import { randomBytes } from 'node:crypto';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { codes } from '../contract.js';
import type { FieldViolation } from '../errors.js';
import { ErrorInfo } from '../gen/error_info.js';
import { BadRequest, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';
import type { ErrorReason } from '../reasons.js';

/** What is answered while no other pushback is named: do not try again. */
export const defaultPushbackMs = -1;

/** A failed call: its reason, or a bare status code, and what goes with it. */
export interface Failure {
  reason: ErrorReason | 'UNAVAILABLE' | 'UNAUTHENTICATED' | 'PERMISSION_DENIED';
  message?: string;
  errcode?: string;
  violations?: FieldViolation[];
  retryAfterMs?: number;
  pushbackMs?: number | null;
}

/** A sentence for a failure that was given none. */
export function defaultMessage(reason: Failure['reason']): string {
  return `the fake answers ${reason}`;
}

/** The status as it goes over the wire. */
export function statusOf(failure: Failure): Partial<ServiceError> {
  const { reason, errcode, violations, retryAfterMs, pushbackMs } = failure;
  const details = failure.message ?? defaultMessage(reason);
  const metadata = new Metadata();
  metadata.set('wxident-request-id', randomBytes(8).toString('hex'));
  if (typeof pushbackMs === 'number') {
    metadata.set('grpc-retry-pushback-ms', String(pushbackMs));
  }
  if (!isReason(reason)) return { code: status[reason], details, metadata };
  const code = codes[reason];
  const any = (name: string, value: Uint8Array) => ({
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    value: Buffer.from(value),
  });
  const info = ErrorInfo.fromPartial({
    reason,
    domain: 'wxident',
    metadata: errcode === undefined ? {} : { errcode },
  });
  const packed = [any('ErrorInfo', ErrorInfo.encode(info).finish())];
  if (violations) {
    const refused = BadRequest.fromPartial({ fieldViolations: violations });
    packed.push(any('BadRequest', BadRequest.encode(refused).finish()));
  }
  if (retryAfterMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(retryAfterMs / 1000)),
      nanos: (retryAfterMs % 1000) * 1e6,
    };
    packed.push(any('RetryInfo', RetryInfo.encode({ retryDelay }).finish()));
  }
  const bytes = Status.encode({
    code,
    message: details,
    details: packed,
  }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  return { code, details, metadata };
}

function isReason(reason: Failure['reason']): reason is ErrorReason {
  return Object.hasOwn(codes, reason);
}
