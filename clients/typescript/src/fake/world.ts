// What the fake knows: apps, people, codes, sessions and tokens.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  AccessTokenKind,
  type AccessToken,
  type EncryptedData,
  type Identity,
  type IdentityRef,
  type User,
  type UserInfo,
} from '../types.js';
import { fail, required } from './refusal.js';
import type { Watcher } from './traffic.js';

/** How `rotateToken` makes the new token. */
export interface RotateOptions {
  /** How long it lives, in ms; 2 hours when left out. */
  lifeMs?: number;
  /** Its generation; the next one when left out. */
  generation?: bigint;
}

/** An app, its token, and who watches it. */
export interface App {
  appId: string;
  token: AccessToken | undefined;
  watchers: Set<Watcher>;
}

/** A person, with an identity in each app. */
export interface Person {
  user: User;
  identities: Identity[];
  profiles: Map<string, UserInfo>;
  phone: string;
  loggedIn: boolean;
}

/** A session. */
export interface FakeSession {
  person: Person;
  identity: Identity;
  createTime: Date;
  expireTime: Date;
}

/** A code that WeChat would have given. */
export interface Code {
  appId: string;
  name: string;
  kind: 'miniProgramCode' | 'oauthCode' | 'phoneCode';
  used: boolean;
  // What it was exchanged for; the same code gives the same session.
  sessionToken?: string;
}

export const sessionLifeMs = 7 * 24 * 3600 * 1000;
export const tokenLifeMs = 2 * 3600 * 1000;

/** Everything that the fake knows. */
export class World {
  readonly sessions = new Map<string, FakeSession>();
  readonly codes = new Map<string, Code>();
  readonly #apps = new Map<string, App>();
  readonly #people = new Map<string, Person>();
  readonly #sealed = new Map<string, string>();

  /** Configures an app. */
  addApp(appId: string): void {
    if (!this.#apps.has(appId)) {
      this.#apps.set(appId, { appId, token: undefined, watchers: new Set() });
    }
  }

  /**
   * Makes a person known in an app. One name is one person: added to a second
   * app it has one user_id and one unionid in both.
   */
  addPerson(appId: string, name: string): void {
    this.addApp(appId);
    let person = this.#people.get(name);
    if (!person) {
      person = {
        user: {
          userId: randomUUID(),
          createTime: new Date(),
          phoneLinked: false,
        },
        identities: [],
        profiles: new Map(),
        phone: `138${String(this.#people.size).padStart(8, '0')}`,
        loggedIn: false,
      };
      this.#people.set(name, person);
    }
    if (!person.identities.some((identity) => identity.appId === appId)) {
      person.identities.push({
        appId,
        openid: `o${digest(`${appId} ${name}`)}`,
        unionid: `u${digest(name)}`,
      });
    }
  }

  /** Ends one session, and tells how many there were. */
  revokeSession(sessionToken: string): number {
    const session = this.sessions.get(sessionToken);
    return this.#revoke((one) => one === session);
  }

  /** Gives the app a new access_token, and tells all who watch. */
  rotateToken(appId: string, options: RotateOptions = {}): AccessToken {
    const app = this.#appOf(appId);
    const token: AccessToken = {
      accessToken: `fake_${randomBytes(24).toString('base64url')}`,
      expireTime: new Date(Date.now() + (options.lifeMs ?? tokenLifeMs)),
      generation: options.generation ?? (app.token?.generation ?? 0n) + 1n,
      kind: AccessTokenKind.APP,
    };
    app.token = token;
    for (const watcher of app.watchers) watcher.write(token);
    return token;
  }

  /** Ends all WatchAccessToken streams with OK, as a server that stops does. */
  endStreams(): void {
    for (const app of this.#apps.values()) {
      for (const watcher of app.watchers) watcher.end();
      app.watchers.clear();
    }
  }

  /** The person of this name, who was added. */
  personOf(name: string): Person {
    const person = this.#people.get(name);
    if (!person)
      throw new Error(`FakeServer: nobody is called ${name}; addUser first`);
    return person;
  }

  /** A person's identity in an app. */
  identityOf(appId: string, name: string): Identity {
    const found = this.personOf(name).identities.find(
      (one) => one.appId === appId,
    );
    if (!found)
      throw new Error(
        `FakeServer: ${name} does not use ${appId}; addUser first`,
      );
    return found;
  }

  /** A fresh code of a kind. */
  newCode(appId: string, name: string, kind: Code['kind']): string {
    this.identityOf(appId, name);
    const code = randomBytes(24).toString('base64url');
    this.codes.set(code, { appId, name, kind, used: false });
    return code;
  }

  /** Logs a person in, and gives the session token. */
  newSession(appId: string, name: string, lifeMs = sessionLifeMs): string {
    const token = newSessionToken();
    const createTime = new Date();
    this.sessions.set(token, {
      person: this.personOf(name),
      identity: this.identityOf(appId, name),
      createTime,
      expireTime: new Date(createTime.getTime() + lifeMs),
    });
    return token;
  }

  /** Encrypted data that `opened` gives back. */
  seal(text: string): EncryptedData {
    const sealed = {
      encryptedData: randomBytes(48).toString('base64'),
      iv: randomBytes(16).toString('base64'),
    };
    this.#sealed.set(`${sealed.encryptedData} ${sealed.iv}`, text);
    return sealed;
  }

  /** Ends all sessions of a user, and tells how many there were. */
  revokeUser(userId: string): number {
    return this.#revoke((session) => session.person.user.userId === userId);
  }

  // A session may have several tokens.
  #revoke(ends: (session: FakeSession) => boolean): number {
    const ended = new Set<FakeSession>();
    for (const [token, session] of this.sessions) {
      if (!ends(session)) continue;
      this.sessions.delete(token);
      ended.add(session);
    }
    return ended.size;
  }

  #appOf(appId: string): App {
    const app = this.#apps.get(appId);
    if (!app)
      throw new Error(`FakeServer: there is no app ${appId}; addApp first`);
    return app;
  }

  /** The app of a request. */
  known(appId: string): App {
    required(appId, 'app_id');
    const app = this.#apps.get(appId);
    if (!app) {
      throw fail('APP_UNKNOWN', {
        violations: [{ field: 'app_id', description: 'is not configured' }],
      });
    }
    return app;
  }

  /** The session of a token, if it is active. */
  active(sessionToken: string): FakeSession | undefined {
    const session = this.sessions.get(sessionToken);
    return session && session.expireTime.getTime() > Date.now()
      ? session
      : undefined;
  }

  /** The session of a request. */
  mustBeActive(sessionToken: string): FakeSession {
    required(sessionToken, 'session_token');
    const session = this.active(sessionToken);
    if (!session) throw fail('SESSION_NOT_ACTIVE');
    return session;
  }

  /** The person and identity of a request. */
  mustExist(ref: IdentityRef): { person: Person; identity: Identity } {
    this.known(ref.appId);
    const person = this.find(never, (identity) => same(identity, ref));
    const identity = person?.identities.find((one) => same(one, ref));
    if (!person || !identity) throw fail('USER_NOT_FOUND');
    return { person, identity };
  }

  /** The first person who is one, or has one. */
  find(
    isPerson: (person: Person) => boolean,
    isIdentity: (identity: Identity) => boolean,
  ): Person | undefined {
    return [...this.#people.values()].find(
      (person) => isPerson(person) || person.identities.some(isIdentity),
    );
  }

  /** What `seal` sealed. */
  opened({ encryptedData, iv }: EncryptedData): string {
    const text = this.#sealed.get(`${encryptedData} ${iv}`);
    if (text === undefined) throw fail('DECRYPT_REJECTED');
    return text;
  }
}

export const never = () => false;

export function same(identity: Identity, ref: IdentityRef): boolean {
  return identity.appId === ref.appId && identity.openid === ref.openid;
}

export function newSessionToken(): string {
  return `wxs1_${randomBytes(32).toString('base64url')}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27);
}

export function emptyProfile(): UserInfo {
  return {
    nickname: '',
    avatarUrl: '',
    gender: 'GENDER_UNSPECIFIED',
    language: '',
    country: '',
    province: '',
    city: '',
    privileges: [],
    subscribe: false,
    subscribeTime: undefined,
    subscribeScene: '',
    qrScene: 0n,
    qrSceneStr: '',
    remark: '',
    groupId: 0n,
    tagIds: [],
  };
}
