// What calls are given and what they answer: the messages of the .proto files,
// where exactly one of several members can be given and what is always set
// needs no check.
import type {
  BatchGetUsersResponse,
  CheckSessionKeyResponse,
  DecryptPhoneResponse,
  DecryptUserDataResponse,
  FoundUser,
  GetAccessTokenResponse,
  GetAuthorizeUrlResponse,
  GetJsapiSignatureResponse,
  GetUserInfoResponse,
  GetUserResponse,
  LoginResponse,
  RefreshSessionResponse,
  RevokeSessionResponse,
} from './gen/wxident/v1/identity_service.js';
import type {
  EncryptedData,
  Identity,
  IdentityRef,
  UnionRef,
  User,
} from './gen/wxident/v1/types.js';

// Their members are described where they come from, in protos/wxident/v1.
export {
  AccessTokenKind,
  Gender,
  UserInfoSource,
  type EncryptedData,
  type Identity,
  type IdentityRef,
  type ItemError,
  type Phone,
  type UnionRef,
  type User,
  type UserInfo,
} from './gen/wxident/v1/types.js';

/** Exactly one of the members. */
export type OneOf<T> = {
  [Name in keyof T]: { [This in Name]: T[This] } & {
    [Other in Exclude<keyof T, Name>]?: undefined;
  };
}[keyof T];

type Always<T, Name extends keyof T> = Omit<T, Name> & {
  [This in Name]-?: NonNullable<T[This]>;
};

/** A span of time: `{ seconds: 3600 }`. */
export interface Duration {
  seconds: number | bigint;
  nanos?: number;
}

/** No more than the choice itself: `{ stored: {} }`. */
export type Chosen = Record<string, never>;

/** What the device received from WeChat, and for which app. */
export type LoginInput = {
  /** A configured app. */
  appId: string;
  /** How long the session lives; the server's default when left out. */
  sessionTtl?: Duration | undefined;
} & OneOf<{
  /** The code of wx.login. */
  miniProgramCode: string;
  /** The code that a page of `getAuthorizeUrl` handed to redirectUri. */
  oauthCode: string;
}>;

/** The session that a login made. */
export type LoginResult = Always<
  LoginResponse,
  'expireTime' | 'user' | 'identity'
>;

/** The token to look at. */
export interface ValidateSessionInput {
  sessionToken: string;
  /** Ask the database; otherwise the answer may be 1 s old. */
  strong?: boolean | undefined;
}

/** A login state: whose it is and how long it lives. */
export interface Session {
  user: User;
  /** The identity that logged in. */
  identity: Identity;
  createTime: Date;
  expireTime: Date;
}

/** Whether a session is active, and then the session. */
export type ValidateSessionResult =
  { active: true; session: Session } | { active: false; session?: undefined };

/** The newest token of a session. */
export interface RefreshSessionInput {
  sessionToken: string;
}

/** The new token, and the session's new end. */
export type RefreshSessionResult = Always<RefreshSessionResponse, 'expireTime'>;

/** What to end. */
export type RevokeSessionInput = OneOf<{
  /** One session. */
  sessionToken: string;
  /** All sessions of this user. */
  userId: string;
}>;

/** How many active sessions ended. */
export type RevokeSessionResult = RevokeSessionResponse;

/** An active session of a mini program's user. */
export interface CheckSessionKeyInput {
  sessionToken: string;
}

/** When not valid: log in again before asking WeChat for encrypted data. */
export type CheckSessionKeyResult = CheckSessionKeyResponse;

/** Whose phone number, and where it comes from. */
export type DecryptPhoneInput = { sessionToken: string } & OneOf<{
  /** encryptedData and iv of a getPhoneNumber event. */
  encrypted: EncryptedData;
  /** The code of a getPhoneNumber event, not that of wx.login. */
  phoneCode: string;
}>;

/** The phone number, which is now stored for the user. */
export type DecryptPhoneResult = Always<DecryptPhoneResponse, 'phone'>;

/** Open data as the mini program received it. */
export interface DecryptUserDataInput {
  sessionToken: string;
  encryptedData: string;
  iv: string;
}

/** What WeChat encrypted: one JSON object. */
export type DecryptUserDataResult = DecryptUserDataResponse;

/** What wx.getUserInfo or wx.getUserProfile gave; the last two go together. */
export interface EncryptedProfile extends EncryptedData {
  rawData?: string | undefined;
  signature?: string | undefined;
}

/** Whose profile, and where it comes from. */
export type GetUserInfoInput = {
  /** zh_CN (the default), zh_TW or en. */
  language?: string | undefined;
} & OneOf<{
  sessionToken: string;
  identityRef: IdentityRef;
}> &
  OneOf<{
    encryptedProfile: EncryptedProfile;
    /** What the server saw last. */
    stored: Chosen;
    /** What WeChat says of a person who authorised snsapi_userinfo. */
    oauth: Chosen;
    /** What WeChat says of a follower. */
    follower: Chosen;
  }>;

/** The profile, and whose it is. */
export type GetUserInfoResult = Always<
  GetUserInfoResponse,
  'userInfo' | 'identity' | 'user'
>;

/** Which token. */
export interface GetAccessTokenInput {
  appId: string;
  /** The token that WeChat has just refused (40001, 40014, 42001). */
  rejectedAccessToken?: string | undefined;
  /** The app's own token; so it is when neither is given. */
  app?: Chosen | undefined;
  /** A person's web token, instead of the app's. */
  web?: { identityRef: IdentityRef } | undefined;
}

/** An access_token; `generation` rises by one with each new one of an app. */
export type AccessToken = Always<GetAccessTokenResponse, 'expireTime'>;

/** Whose token. */
export interface WatchAccessTokenInput {
  appId: string;
}

/** The official account, and the page. */
export interface GetJsapiSignatureInput {
  appId: string;
  /** The page's URL as the browser has it. */
  url: string;
}

/**
 * What wx.config wants; `nonce` is its nonceStr. JSON has no bigint: a page is
 * sent `Number(timestamp)`.
 */
export type JsapiSignature = GetJsapiSignatureResponse;

/** Which page of WeChat, and where it leads. */
export interface GetAuthorizeUrlInput {
  appId: string;
  redirectUri: string;
  scope: 'snsapi_base' | 'snsapi_userinfo' | 'snsapi_login';
  /** Comes back beside the code, against forged redirects. */
  state: string;
}

/** The page's address. */
export type GetAuthorizeUrlResult = GetAuthorizeUrlResponse;

/** Whom to find. */
export type GetUserInput = OneOf<{
  userId: string;
  identityRef: IdentityRef;
  unionRef: UnionRef;
}>;

/** The user, and every identity in the order they appeared. */
export type GetUserResult = Always<GetUserResponse, 'user'>;

/** Whom to find, up to 500. */
export type BatchGetUsersInput = {
  /** Asks WeChat about the identities of official accounts first. */
  refreshFollowers?: boolean | undefined;
} & OneOf<{
  identityRefs: IdentityRef[];
  userIds: string[];
}>;

/**
 * What `batchGetUsers` answers, in order. `error` says why one could not be
 * answered; without it `found` false means nobody.
 */
export type BatchGetUsersResult = Omit<BatchGetUsersResponse, 'users'> & {
  users: (
    (FoundUser & { found: true; user: User }) | (FoundUser & { found: false })
  )[];
};
