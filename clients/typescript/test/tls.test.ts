import assert from 'node:assert/strict';
import { Client as GrpcClient, ServerCredentials, status } from '@grpc/grpc-js';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { CertificateFiles } from '../src/certificates.js';
import type { FakeServer } from '../src/fake/index.js';
import {
  BatchGetUsersRequest,
  IdentityServiceService,
} from '../src/gen/wxident/v1/identity_service.js';
import { Client, type ClientOptions } from '../src/index.js';
import {
  failureOf,
  makeCa,
  makeCertificate,
  startFake,
  temporaryFolder,
  until,
} from './support.js';

// A folder with two CAs and certificates, and a server that wants a client
// certificate of the first CA.
async function startTls(t: TestContext, names: string) {
  const folder = temporaryFolder(t);
  const at = (name: string) => path.join(folder, name);
  makeCa(folder, 'ca');
  makeCa(folder, 'other');
  makeCertificate(folder, 'server', 'ca', names);
  makeCertificate(folder, 'service', 'ca', 'DNS:service');
  makeCertificate(folder, 'stranger', 'other', 'DNS:service');
  const pair = {
    cert_chain: fs.readFileSync(at('server.pem')),
    private_key: fs.readFileSync(at('server.key')),
  };
  const credentials = ServerCredentials.createSsl(
    fs.readFileSync(at('ca.pem')),
    [pair],
    true,
  );
  const fake = await startFake(t, { credentials });
  const options = (name: string): ClientOptions => ({
    caFile: at('ca.pem'),
    certFile: at(`${name}.pem`),
    keyFile: at(`${name}.key`),
  });
  const ask = async (address: string, more: ClientOptions) => {
    const client = new Client(address, more);
    try {
      await client.batchGetUsers({ userIds: [] });
    } finally {
      client.close();
    }
  };
  return { fake, at, options, ask };
}

function portOf(fake: FakeServer): string {
  return fake.address.split(':')[1] as string;
}

test('mTLS, and who is kept out', async (t) => {
  const { fake, at, options, ask } = await startTls(t, 'DNS:localhost');
  const address = `localhost:${portOf(fake)}`;
  await ask(address, options('service'));

  const stranger = await failureOf(ask(address, options('stranger')));
  assert.equal(stranger.codeName, 'UNAVAILABLE');
  const nobody = await failureOf(ask(address, { caFile: at('ca.pem') }));
  assert.equal(nobody.codeName, 'UNAVAILABLE');
  const untrusted = { ...options('service'), caFile: at('other.pem') };
  const error = await failureOf(ask(address, untrusted));
  assert.match(error.message, /unable to verify|self.signed|issuer/);
  assert.equal(fake.count('BatchGetUsers'), 1);
});

test('the name in the certificate', async (t) => {
  const { fake, options, ask } = await startTls(t, 'DNS:wxident.internal');
  const wrong = await failureOf(ask(fake.address, options('service')));
  assert.match(wrong.message, /IP: 127\.0\.0\.1 is not in the cert's list/);
  await ask(fake.address, {
    ...options('service'),
    serverName: 'wxident.internal',
  });
  assert.equal(fake.count('BatchGetUsers'), 1);
});

test('with several addresses the name may be that of any', async (t) => {
  const { fake, options, ask } = await startTls(t, 'DNS:localhost');
  await ask(
    `127.0.0.1:${portOf(fake)},localhost:${portOf(fake)}`,
    options('service'),
  );
  assert.equal(fake.count('BatchGetUsers'), 1);
});

test('new certificates are used for the next connection', async (t) => {
  const { at } = await startTls(t, 'DNS:localhost');
  const use = (name: string) => {
    for (const kind of ['key', 'pem'])
      fs.copyFileSync(at(`${name}.${kind}`), at(`live.${kind}`));
  };
  use('stranger');
  const files = new CertificateFiles({
    ca: at('ca.pem'),
    certificate: at('live.pem'),
    key: at('live.key'),
  });
  const seen: string[] = [];
  const listener = (update: { certificate: Buffer } | null) =>
    void seen.push(update?.certificate.toString() ?? '');
  files.addIdentityCertificateListener(listener);
  t.after(() => files.removeIdentityCertificateListener(listener));
  await until(() => seen.length === 1);
  assert.equal(seen[0], fs.readFileSync(at('stranger.pem'), 'utf8'));

  files.check();
  assert.equal(seen.length, 1);
  // Half of a renewal: the certificate does not go with the key.
  fs.copyFileSync(at('service.pem'), at('live.pem'));
  files.check();
  fs.rmSync(at('live.key'));
  files.check();
  assert.equal(seen.length, 1);
  use('service');
  files.check();
  assert.equal(seen.length, 2);
  assert.equal(seen[1], fs.readFileSync(at('service.pem'), 'utf8'));
});

test('a connection that stands survives new certificates', async (t) => {
  const { fake, at } = await startTls(t, 'DNS:localhost');
  const use = (name: string) => {
    for (const kind of ['key', 'pem'])
      fs.copyFileSync(at(`${name}.${kind}`), at(`live.${kind}`));
  };
  const files = () =>
    new CertificateFiles({
      ca: at('ca.pem'),
      certificate: at('live.pem'),
      key: at('live.key'),
    });
  const connect = (certificates: CertificateFiles) => {
    const target = `localhost:${portOf(fake)}`;
    const channel = new GrpcClient(
      target,
      certificates.credentials(['localhost']),
    );
    t.after(() => channel.close());
    const method = IdentityServiceService.batchGetUsers;
    const ask = () =>
      new Promise<string>((resolve) =>
        channel.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          BatchGetUsersRequest.create(),
          (error) => resolve(status[error?.code ?? status.OK] as string),
        ),
      );
    return { channel, ask };
  };

  use('service');
  const first = files();
  const one = connect(first);
  const release = fake.hangNext('BatchGetUsers');
  const underway = one.ask();
  await until(() => fake.count('BatchGetUsers') === 1);
  use('stranger');
  first.check();
  release();
  assert.equal(await underway, 'OK');
  assert.equal(await one.ask(), 'OK');

  const second = files();
  const two = connect(second);
  assert.equal(await two.ask(), 'UNAVAILABLE');
  use('service');
  second.check();
  // gRPC tries again by itself.
  while ((await two.ask()) !== 'OK')
    await new Promise((resolve) => setImmediate(resolve));
});
