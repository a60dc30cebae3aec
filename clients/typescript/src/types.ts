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
  Phone,
  UnionRef,
  User,
  UserInfo,
} from './gen/wxident/v1/types.js';

export { AccessTokenKind, Gender, UserInfoSource } from './gen/wxident/v1/types.js';
export type { EncryptedData, Identity, IdentityRef, Phone, UnionRef, User, UserInfo };

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
  seconds: number;
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
export type LoginResult = Always<LoginResponse, 'expireTime' | 'user' | 'identity'>;

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
  | { active: true; session: Session }
  | { active: false; session?: undefined };

export interface RefreshSessionInput {
  sessionToken: string;
}
export type RefreshSessionResult = Always<RefreshSessionResponse, 'expireTime'>;

export type RevokeSessionInput = OneOf<{
  /** One session. */
  sessionToken: string;
  /** All sessions of this user. */
  userId: string;
}>;
export type RevokeSessionResult = RevokeSessionResponse;

export interface CheckSessionKeyInput {
  sessionToken: string;
}
export type CheckSessionKeyResult = CheckSessionKeyResponse;

export type DecryptPhoneInput = { sessionToken: string } & OneOf<{
  /** encryptedData and iv of a getPhoneNumber event. */
  encrypted: EncryptedData;
  /** The code of a getPhoneNumber event, not that of wx.login. */
  phoneCode: string;
}>;
export type DecryptPhoneResult = Always<DecryptPhoneResponse, 'phone'>;

export interface DecryptUserDataInput {
  sessionToken: string;
  encryptedData: string;
  iv: string;
}
export type DecryptUserDataResult = DecryptUserDataResponse;

/** What wx.getUserInfo or wx.getUserProfile gave; the last two go together. */
export interface EncryptedProfile extends EncryptedData {
  rawData?: string | undefined;
  signature?: string | undefined;
}
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
export type GetUserInfoResult = Always<GetUserInfoResponse, 'userInfo' | 'identity' | 'user'>;

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

export interface WatchAccessTokenInput {
  appId: string;
}

export interface GetJsapiSignatureInput {
  appId: string;
  /** The page's URL as the browser has it. */
  url: string;
}
/** What wx.config wants; `nonce` is its nonceStr. */
export type JsapiSignature = GetJsapiSignatureResponse;

export interface GetAuthorizeUrlInput {
  appId: string;
  redirectUri: string;
  scope: 'snsapi_base' | 'snsapi_userinfo' | 'snsapi_login';
  /** Comes back beside the code, against forged redirects. */
  state: string;
}
export type GetAuthorizeUrlResult = GetAuthorizeUrlResponse;

export type GetUserInput = OneOf<{
  userId: string;
  identityRef: IdentityRef;
  unionRef: UnionRef;
}>;
export type GetUserResult = Always<GetUserResponse, 'user'>;

export type BatchGetUsersInput = {
  /** Asks WeChat about the identities of official accounts first. */
  refreshFollowers?: boolean | undefined;
} & OneOf<{
  identityRefs: IdentityRef[];
  userIds: string[];
}>;
/** One answer of `batchGetUsers`; `found` false means nobody. */
export type BatchGetUsersResult = Omit<BatchGetUsersResponse, 'users'> & {
  users: ((FoundUser & { found: true; user: User }) | (FoundUser & { found: false }))[];
};
