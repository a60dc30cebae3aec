// Everything that the site needs, on free ports of loopback and in a folder of
// its own: PostgreSQL, simulator, server, and the site itself.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

// Where Bazel puts what the test asked for, and what script/bootstrap installed.
const root = process.cwd();
const tools = process.env.WXIDENT_TOOLS_DIR;

export const websiteApp = 'wx00000000000000c3';
export const officialAccount = 'wx00000000000000a1';

// Runs a program to its end. No pipes: what it leaves running would hold them.
function run(program, argv) {
  const done = spawnSync(program, argv, {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`${program} ${argv[0]} failed`);
}

export class Stack {
  #programs = [];

  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'wxident-browser.'));

  // Answers when the server serves. `new Stack()` is a folder alone, in which a
  // site may start that has no wxident.
  static async start() {
    const stack = new Stack();
    try {
      await stack.#start();
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  async #start() {
    this.#postgres('start', '--fast', '--owner', String(process.pid));
    this.#postgres('migrate');
    const secrets = this.#writeSecrets();
    fs.writeFileSync(
      path.join(this.dir, 'simulator.json'),
      JSON.stringify({ apps: this.#simulatorApps(secrets) }),
    );
    this.weChat = JSON.parse(
      await this.#run('"url"', 'simulator/wechat-simulator', [
        '--dir', this.dir, '--listen', '127.0.0.1:0',
        '--config', path.join(this.dir, 'simulator.json'),
      ]),
    ).url;
    fs.writeFileSync(path.join(this.dir, 'wxidentd.yaml'), this.#config());
    this.grpc = JSON.parse(
      await this.#run('"event":"listening"', 'server/wxidentd', [
        'serve', '--config', path.join(this.dir, 'wxidentd.yaml'),
      ]),
    ).grpc;
  }

  // A site, as its README starts it. Gives its address.
  async startSite(settings) {
    // The site's folder stands in the tree as in the sources, with the packages
    // that script/bootstrap installed where Node looks for them.
    const tree = path.join(this.dir, 'tree');
    if (!fs.existsSync(tree)) {
      fs.mkdirSync(path.join(tree, 'docs/examples'), { recursive: true });
      for (const folder of ['docs/examples/website', 'protos'])
        run('cp', ['-rL', path.join(root, folder), path.join(tree, folder)]);
      fs.symlinkSync(
        path.join(tools, 'website/node_modules'),
        path.join(tree, 'docs/examples/website/node_modules'),
      );
    }
    const line = await this.#run(
      'listening: ',
      process.execPath,
      [path.join(tree, 'docs/examples/website/site.js')],
      {
        WXIDENT_CLIENT_ADDR: this.grpc,
        WECHAT_PAGE_ORIGIN: this.weChat,
        TLS_CERT_FILE: path.join(this.dir, 'server.pem'),
        TLS_KEY_FILE: path.join(this.dir, 'server.key'),
        PORT: '0',
        ...settings,
      },
    );
    return line.slice('listening: '.length);
  }

  // The simulator's certificate; the site uses the same one.
  certificate() {
    return new X509Certificate(
      fs.readFileSync(path.join(this.dir, 'server.pem')),
    );
  }

  // A call of the simulator's control API: POST with a body, else GET.
  control(call, body) {
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${this.weChat}/_sim/${call}`,
        {
          method: body ? 'POST' : 'GET',
          ca: fs.readFileSync(path.join(this.dir, 'ca.pem')),
        },
        async (response) => {
          let text = '';
          for await (const part of response) text += part;
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${call}: ${text}`));
        },
      );
      request.on('error', reject);
      request.end(body && JSON.stringify(body));
    });
  }

  // Ends all of it, last first, and leaves nothing behind.
  async stop() {
    for (const { child, ended } of this.#programs.reverse()) {
      child.kill('SIGTERM');
      await ended;
    }
    if (fs.existsSync(path.join(this.dir, 'postgres'))) this.#postgres('stop');
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  // Whether every program that was started is there.
  isUp() {
    return this.#programs.every(({ child }) => child.exitCode === null);
  }

  // What every program wrote, for a test that failed.
  logs() {
    return this.#programs
      .map(({ name, log }) => `--- ${name}\n${log.join('\n')}`)
      .join('\n');
  }

  #postgres(command, ...rest) {
    const script = path.join(root, 'script/lib/postgres.sh');
    run(script, [command, path.join(this.dir, 'postgres'), ...rest]);
  }

  #writeSecrets() {
    const secrets = {
      [websiteApp]: randomBytes(16).toString('hex'),
      [officialAccount]: randomBytes(16).toString('hex'),
      ring: `1 ${randomBytes(32).toString('base64')}`,
      index: `1 ${randomBytes(32).toString('base64')}`,
    };
    for (const [name, secret] of Object.entries(secrets))
      fs.writeFileSync(path.join(this.dir, name), `${secret}\n`, { mode: 0o600 });
    return secrets;
  }

  #simulatorApps(secrets) {
    return [
      [websiteApp, 'website'],
      [officialAccount, 'official_account'],
    ].map(([app_id, kind]) => ({
      app_id,
      kind,
      secret: secrets[app_id],
      open_platform_account: 'main',
      redirect_hosts: ['localhost'],
    }));
  }

  #config() {
    const url = fs.readFileSync(
      path.join(this.dir, 'postgres/server_url'),
      'utf8',
    );
    const app = (id, kind) => `
  - app_id: ${id}
    kind: ${kind}
    open_platform_account: main
    secret_file: ${id}
    redirect_hosts: [localhost]`;
    return `
grpc: {addr: "127.0.0.1:0", insecure_loopback: true}
database: {url: "${url.trim()}"}
wechat: {base_urls: ["${this.weChat}"], ca_file: ca.pem}
keys: {ring_file: ring, phone_index_file: index}
shutdown: {drain_delay: 0s}
apps:${app(websiteApp, 'website')}${app(officialAccount, 'official_account')}
`;
  }

  // Starts a program and gives the first line that holds a text.
  async #run(text, program, argv, env = {}) {
    // A test that is killed takes its programs along.
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', path.resolve(root, program), ...argv],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const log = [];
    const ended = once(child, 'close');
    this.#programs.push({ name: program, child, ended, log });
    return new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        readline.createInterface({ input: stream }).on('line', (line) => {
          log.push(line);
          if (line.includes(text)) resolve(line);
        });
      }
      ended.then(
        () => reject(new Error(`${program} ended:\n${log.join('\n')}`)),
        reject,
      );
    });
  }
}
