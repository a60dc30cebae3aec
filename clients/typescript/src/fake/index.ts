// What callers' tests use.
export type { Failure } from './failures.js';
export { FakeServer, type FakeOptions } from './server.js';
export type { FailOptions, FakeCall, RpcName } from './traffic.js';
export { FakeUser } from './user.js';
export type { RotateOptions } from './world.js';
