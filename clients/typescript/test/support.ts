// What several tests need.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { FakeServer, type FakeOptions } from '../src/fake/index.js';
import type { WxidentError } from '../src/index.js';

export const appId = 'wx4f4bc4dec97d474b';

/** A fake that stops with the test. */
export async function startFake(
  t: TestContext,
  options?: FakeOptions,
): Promise<FakeServer> {
  const fake = await FakeServer.start(options);
  t.after(() => fake.stop());
  return fake;
}

/** The error that a promise ends with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<WxidentError> {
  try {
    await promise;
  } catch (error) {
    return error as WxidentError;
  }
  throw new Error('it did not fail');
}

/** An address where nobody listens. */
export async function deadAddress(): Promise<string> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

/** A folder that is removed with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wxident-ts.'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Resolves when a condition holds; something must be on its way to make it so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function openssl(folder: string, ...args: string[]): void {
  const done = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
}

/** For openssl req: makes NAME.key, for a certificate of that name. */
function withNewKey(name: string): string[] {
  return [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-subj',
    `/CN=${name}`,
  ];
}

/** Makes NAME.pem and NAME.key, a CA that signs itself. */
export function makeCa(folder: string, name: string): void {
  openssl(
    folder,
    'req',
    '-x509',
    ...withNewKey(name),
    '-out',
    `${name}.pem`,
    '-days',
    '2',
  );
}

/** Makes NAME.pem and NAME.key, signed by a CA, for some names. */
export function makeCertificate(
  folder: string,
  name: string,
  ca: string,
  names: string,
): void {
  openssl(folder, 'req', ...withNewKey(name), '-out', `${name}.csr`);
  fs.writeFileSync(
    path.join(folder, `${name}.ext`),
    `subjectAltName=${names}\n`,
  );
  openssl(
    folder,
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.pem`,
    '-CAkey',
    `${ca}.key`,
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.pem`,
  );
}
