// A person, as a test sees one.
import type { EncryptedData, UserInfo } from '../types.js';
import { emptyProfile, type World } from './world.js';

/** A person in the fake, who uses one app. */
export class FakeUser {
  readonly #world: World;
  /** The app. */
  readonly appId: string;
  /** What the person was called in `addUser`. */
  readonly name: string;

  /** @internal `FakeServer.addUser` makes them. */
  constructor(world: World, appId: string, name: string) {
    this.#world = world;
    this.appId = appId;
    this.name = name;
  }

  /** The person's user_id. */
  get userId(): string {
    return this.#world.personOf(this.name).user.userId;
  }

  /** The person's openid in the app. */
  get openid(): string {
    return this.#world.identityOf(this.appId, this.name).openid;
  }

  /** A fresh code, as wx.login gives it. */
  loginCode(): string {
    return this.#world.newCode(this.appId, this.name, 'miniProgramCode');
  }

  /** A fresh code, as a page of WeChat hands it to redirectUri. */
  oauthCode(): string {
    return this.#world.newCode(this.appId, this.name, 'oauthCode');
  }

  /** A fresh code, as a getPhoneNumber event gives it. */
  phoneCode(): string {
    return this.#world.newCode(this.appId, this.name, 'phoneCode');
  }

  /** Open data as a mini program receives it; `decryptUserData` gives it back. */
  encrypt(data: object): EncryptedData {
    return this.#world.seal(JSON.stringify(data));
  }

  /** The phone number as a getPhoneNumber event of old gives it. */
  encryptedPhone(): EncryptedData {
    return this.#world.seal(
      JSON.stringify({ phone: this.#world.personOf(this.name).phone }),
    );
  }

  /** What getUserInfo says of the person from now on. */
  setProfile(profile: Partial<UserInfo>): void {
    this.#world
      .personOf(this.name)
      .profiles.set(this.appId, { ...emptyProfile(), ...profile });
  }

  /** Logs the person in without a call, and gives the session token. */
  session(): string {
    return this.#world.newSession(this.appId, this.name);
  }

  /** Ends all sessions of the person. */
  revoke(): void {
    this.#world.revokeUser(this.userId);
  }
}
