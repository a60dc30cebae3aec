// The package as npm packs it, in an empty folder.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from '../src/version.js';
import { appId, startFake, temporaryFolder } from './support.js';

const source = fileURLToPath(new URL('../..', import.meta.url));
const packages = fs.realpathSync(path.join(source, 'node_modules'));

function run(
  folder: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): string {
  const done = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(
    done.status,
    0,
    `${program} ${args[0]}: ${done.stdout}${done.stderr}`,
  );
  return done.stdout;
}

// Packs, and puts the package and what it needs where npm install would.
function install(folder: string): string[] {
  const npm = {
    npm_config_cache: path.join(folder, 'cache'),
    npm_config_offline: 'true',
  };
  run(source, 'npm', ['pack', '--silent', '--pack-destination', folder], npm);
  const [tarball] = fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.tgz'));
  assert.equal(tarball, `wxident-client-${version}.tgz`);
  const target = path.join(folder, 'node_modules/@wxident/client');
  fs.mkdirSync(target, { recursive: true });
  run(folder, 'tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  for (const name of ['@grpc', '@bufbuild', '@types', 'undici-types']) {
    fs.symlinkSync(
      path.join(packages, name),
      path.join(folder, 'node_modules', name),
    );
  }
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  return run(folder, 'tar', ['-tzf', tarball]).trim().split('\n');
}

// The fenced blocks of the README in a language.
function blocks(language: string): string[] {
  const text = fs.readFileSync(path.join(source, 'README.md'), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(
    ([, name, code]) => (name === language && code !== undefined ? [code] : []),
  );
}

test('what is packed works alone', async (t) => {
  const folder = temporaryFolder(t);
  const files = install(folder);
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/fake/index.js',
  ]) {
    assert.ok(files.includes(`package/${name}`), name);
  }
  assert.deepEqual(
    files.filter((name) => /test|conformance|node_modules|\.tgz/.test(name)),
    [],
  );

  await t.test('the quick start of the README', async (t) => {
    const [quickStart] = blocks('js');
    assert.ok(quickStart);
    assert.ok(quickStart.trim().split('\n').length <= 15);
    fs.writeFileSync(path.join(folder, 'quickstart.js'), quickStart);
    const fake = await startFake(t);
    const alice = fake.addUser(appId, 'alice');
    const { spawn } = await import('node:child_process');
    const child = spawn(
      process.execPath,
      ['quickstart.js', alice.loginCode()],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          ...process.env,
          WXIDENT_CLIENT_ADDR: fake.address,
          WXIDENT_CLIENT_INSECURE: 'true',
          MINI_PROGRAM_APP_ID: appId,
        },
      },
    );
    let output = '';
    for await (const part of child.stdout) output += String(part);
    assert.match(output, new RegExp(`logged in: ${alice.userId}`));
    assert.match(output, new RegExp(`the session is ${alice.userId}'s`));
  });

  await t.test('every example of the README is good TypeScript', () => {
    const examples = blocks('ts');
    assert.ok(examples.length >= 4);
    examples.push(...blocks('js'));
    fs.symlinkSync(
      path.join(packages, 'express'),
      path.join(folder, 'node_modules/express'),
    );
    examples.forEach((code, i) =>
      fs.writeFileSync(path.join(folder, `example${i}.ts`), code),
    );
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      exactOptionalPropertyTypes: true,
    };
    fs.writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: ['example*.ts'] }),
    );
    run(folder, path.join(packages, '.bin/tsc'), []);
  });

  await t.test('wrong input does not compile', () => {
    fs.writeFileSync(
      path.join(folder, 'wrong.ts'),
      `import { Client } from '@wxident/client';
       const client = new Client('localhost:1', { insecure: true });
       // @ts-expect-error neither code
       await client.login({ appId: 'a' });
       // @ts-expect-error both codes
       await client.login({ appId: 'a', miniProgramCode: 'x', oauthCode: 'y' });
       const answer = await client.validateSession({ sessionToken: 'x' });
       // @ts-expect-error not known to be active
       answer.session.user;
       if (answer.active) answer.session.user.userId.length;
      `,
    );
    const options = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--noEmit',
    ];
    run(folder, path.join(packages, '.bin/tsc'), [
      ...options,
      '--ignoreConfig',
      'wrong.ts',
    ]);
  });
});
