// What gRPC says of a failed call, made into an error of ours.
import { status, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { WxidentError, type WxidentErrorInit } from './errors.js';
import { ErrorInfo } from './gen/error_info.js';
import { BadRequest, RetryInfo } from './gen/google/rpc/error_details.js';
import { Status } from './gen/google/rpc/status.js';
import { errorClasses, type ErrorReason } from './reasons.js';

/** What is known of a call when it fails. */
export interface CallFacts {
  rpc: string;
  address: string;
  timeoutMs?: number | undefined;
}

/** The error of a call, out of what gRPC says. */
export function toWxidentError(
  error: ServiceError,
  facts: CallFacts,
): WxidentError {
  const found = detailsOf(error.metadata);
  const init: WxidentErrorInit = { code: error.code, ...found };
  if (found.reason !== undefined) {
    return new errorClasses[found.reason](error.details, init);
  }
  return new WxidentError(adviceOf(error, facts), init);
}

// A reason that this version does not know counts as none.
function detailsOf(
  trailers: Metadata | undefined,
): Omit<WxidentErrorInit, 'code'> {
  const found: Omit<WxidentErrorInit, 'code'> = {};
  const [requestId] = trailers?.get('wxident-request-id') ?? [];
  if (typeof requestId === 'string') found.requestId = requestId;
  const [bytes] = trailers?.get('grpc-status-details-bin') ?? [];
  if (!(bytes instanceof Uint8Array)) return found;
  try {
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
        case 'google.rpc.ErrorInfo': {
          const info = ErrorInfo.decode(value);
          if (info.domain !== 'wxident') break;
          found.metadata = info.metadata;
          if (Object.hasOwn(errorClasses, info.reason)) {
            found.reason = info.reason as ErrorReason;
          }
          break;
        }
        case 'google.rpc.BadRequest':
          found.violations = BadRequest.decode(value).fieldViolations.map(
            ({ field, description }) => ({ field, description }),
          );
          break;
        case 'google.rpc.RetryInfo': {
          const delay = RetryInfo.decode(value).retryDelay;
          if (delay)
            found.retryAfterMs =
              Number(delay.seconds) * 1000 + delay.nanos / 1e6;
          break;
        }
      }
    }
  } catch {
    // Whatever did not decode tells nothing; code and message stand.
  }
  return found;
}

function adviceOf(
  error: ServiceError,
  { rpc, address, timeoutMs }: CallFacts,
): string {
  switch (error.code) {
    case status.UNAVAILABLE:
      return (
        `${rpc}: wxident at ${address} cannot be reached (${error.details}); check the` +
        ' address and the certificates, and whether the server is up'
      );
    case status.DEADLINE_EXCEEDED:
      return (
        `${rpc}: no answer ${timeoutMs === undefined ? 'in time' : `within ${timeoutMs} ms`};` +
        ' try again, or give the call more time (timeoutMs)'
      );
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return (
        `${rpc}: the server does not let this service in (${error.details}); check the` +
        " client certificate and the server's policy"
      );
    case status.UNIMPLEMENTED:
      return `${rpc}: the server does not know this call; it is older than this client`;
    default:
      return `${rpc}: ${error.details}`;
  }
}
