// What a call is refused with.
import type { ErrorReason } from '../reasons.js';
import { defaultMessage, type Failure } from './failures.js';

/** Thrown by what answers a call: it then ends with the failure. */
export class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super(defaultMessage(failure.reason));
  }
}

/** What must not happen. */
export const internalFault: Failure = { reason: 'INTERNAL_FAULT' };


/** A refusal for a reason. */
export function fail(
  reason: ErrorReason,
  more: Omit<Failure, 'reason'> = {},
): Refusal {
  return new Refusal({ reason, ...more });
}

/** Refuses what is not there. */
export function required(value: unknown, field: string): asserts value {
  if (value === undefined || value === '') {
    const description = 'must be set';
    throw fail('REQUEST_INVALID', {
      message: `${field} ${description}`,
      violations: [{ field, description }],
    });
  }
}

