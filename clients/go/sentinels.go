package wxident

import wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"

// One sentinel for each reason of an error: errors.Is(err, ErrUserNotFound).
//
// Each comment says when the reason comes and what to do then.
var (
	// ErrRequestInvalid comes with INVALID_ARGUMENT. A field is missing or
	// malformed; google.rpc.BadRequest names it. Mend the request; sending it
	// again cannot help.
	ErrRequestInvalid = sentinel(wxidentv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, "ErrRequestInvalid",
		"a field is missing or malformed")

	// ErrAppUnknown comes with INVALID_ARGUMENT. The server is not configured
	// with this app_id. Check the id, or add the app to the server's
	// configuration.
	ErrAppUnknown = sentinel(wxidentv1.ErrorReason_ERROR_REASON_APP_UNKNOWN, "ErrAppUnknown",
		"the server is not configured with this app_id")

	// ErrDecryptRejected comes with INVALID_ARGUMENT. Encrypted data did not
	// open, or what it held was not what WeChat makes for this app. The same
	// answer covers every cause. Log in again (wx.login first), then ask WeChat
	// for the data again.
	ErrDecryptRejected = sentinel(wxidentv1.ErrorReason_ERROR_REASON_DECRYPT_REJECTED, "ErrDecryptRejected",
		"encrypted data did not open, or what it held was not what WeChat makes for this app")

	// ErrLoginCodeInvalid comes with FAILED_PRECONDITION. WeChat does not know
	// this code: it is mistyped, older than 5 minutes, or of another app. Get a
	// new code with wx.login.
	ErrLoginCodeInvalid = sentinel(wxidentv1.ErrorReason_ERROR_REASON_LOGIN_CODE_INVALID, "ErrLoginCodeInvalid",
		"WeChat does not know this code")

	// ErrLoginCodeConsumed comes with FAILED_PRECONDITION. The code has been
	// used, or was sent to WeChat and its answer was lost; a code works once.
	// Get a new code with wx.login.
	ErrLoginCodeConsumed = sentinel(wxidentv1.ErrorReason_ERROR_REASON_LOGIN_CODE_CONSUMED, "ErrLoginCodeConsumed",
		"the code has been used, or was sent to WeChat and its answer was lost")

	// ErrSessionNotActive comes with FAILED_PRECONDITION. The session token is
	// unknown, expired or revoked. Log in again.
	ErrSessionNotActive = sentinel(wxidentv1.ErrorReason_ERROR_REASON_SESSION_NOT_ACTIVE, "ErrSessionNotActive",
		"the session token is unknown, expired or revoked")

	// ErrSessionKeyStale comes with FAILED_PRECONDITION. No session_key that
	// could open the data is kept. Log in again (wx.login first), then ask
	// WeChat for the data again.
	ErrSessionKeyStale = sentinel(wxidentv1.ErrorReason_ERROR_REASON_SESSION_KEY_STALE, "ErrSessionKeyStale",
		"no session_key that could open the data is kept")

	// ErrSnapshotUser comes with FAILED_PRECONDITION. WeChat shows this person a
	// snapshot page with made-up ids; nothing was stored. Ask the person to open
	// the full page and log in there.
	ErrSnapshotUser = sentinel(wxidentv1.ErrorReason_ERROR_REASON_SNAPSHOT_USER, "ErrSnapshotUser",
		"WeChat shows this person a snapshot page with made-up ids")

	// ErrOAuthGrantExpired comes with FAILED_PRECONDITION. The person's web
	// authorisation is missing, expired or withdrawn. Send the person through
	// GetAuthorizeUrl again.
	ErrOAuthGrantExpired = sentinel(wxidentv1.ErrorReason_ERROR_REASON_OAUTH_GRANT_EXPIRED, "ErrOAuthGrantExpired",
		"the person's web authorisation is missing, expired or withdrawn")

	// ErrOAuthScopeInsufficient comes with FAILED_PRECONDITION. The person
	// authorised snsapi_base only, which gives no profile. Send the person
	// through GetAuthorizeUrl with snsapi_userinfo.
	ErrOAuthScopeInsufficient = sentinel(wxidentv1.ErrorReason_ERROR_REASON_OAUTH_SCOPE_INSUFFICIENT, "ErrOAuthScopeInsufficient",
		"the person authorised snsapi_base only, which gives no profile")

	// ErrAppMisconfigured comes with FAILED_PRECONDITION. WeChat refuses the
	// app's own settings: app secret, IP list, binding. Callers cannot mend it;
	// tell the operator the errcode.
	ErrAppMisconfigured = sentinel(wxidentv1.ErrorReason_ERROR_REASON_APP_MISCONFIGURED, "ErrAppMisconfigured",
		"WeChat refuses the app's own settings")

	// ErrUserBlocked comes with PERMISSION_DENIED. WeChat has blocked, frozen or
	// flagged this user. Do not retry.
	ErrUserBlocked = sentinel(wxidentv1.ErrorReason_ERROR_REASON_USER_BLOCKED, "ErrUserBlocked",
		"WeChat has blocked, frozen or flagged this user")

	// ErrAPIUnauthorized comes with PERMISSION_DENIED. The app's account may not
	// use this WeChat API. Tell the operator the errcode.
	ErrAPIUnauthorized = sentinel(wxidentv1.ErrorReason_ERROR_REASON_API_UNAUTHORIZED, "ErrAPIUnauthorized",
		"the app's account may not use this WeChat API")

	// ErrCallerNotAllowed comes with PERMISSION_DENIED. The server's policy does not
	// let this service call this method, or not for this app. Ask the operator
	// for a row.
	ErrCallerNotAllowed = sentinel(wxidentv1.ErrorReason_ERROR_REASON_CALLER_NOT_ALLOWED, "ErrCallerNotAllowed",
		"the server's policy does not let this service call this method, or not for this app")

	// ErrCallerUnauthenticated comes with UNAUTHENTICATED. This service has not
	// proved who it is: its client certificate names no single URI, or is
	// revoked. Get a new certificate.
	ErrCallerUnauthenticated = sentinel(wxidentv1.ErrorReason_ERROR_REASON_CALLER_UNAUTHENTICATED, "ErrCallerUnauthenticated",
		"this service has not proved who it is")

	// ErrUserNotFound comes with NOT_FOUND. No user has this user_id, identity
	// or unionid.
	ErrUserNotFound = sentinel(wxidentv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND, "ErrUserNotFound",
		"no user has this user_id, identity or unionid")

	// ErrProfileNotFound comes with NOT_FOUND. The identity is known, but no
	// profile has been stored for it.
	ErrProfileNotFound = sentinel(wxidentv1.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND, "ErrProfileNotFound",
		"the identity is known, but no profile has been stored for it")

	// ErrWeChatRateLimited comes with RESOURCE_EXHAUSTED. WeChat limits calls of
	// this app. Wait as long as google.rpc.RetryInfo says.
	ErrWeChatRateLimited = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_RATE_LIMITED, "ErrWeChatRateLimited",
		"WeChat limits calls of this app")

	// ErrTokenBudgetExhausted comes with RESOURCE_EXHAUSTED. The app's budget of
	// access_token fetches is used up. Wait as long as google.rpc.RetryInfo
	// says.
	ErrTokenBudgetExhausted = sentinel(wxidentv1.ErrorReason_ERROR_REASON_TOKEN_BUDGET_EXHAUSTED, "ErrTokenBudgetExhausted",
		"the app's budget of access_token fetches is used up")

	// ErrOverloaded comes with RESOURCE_EXHAUSTED. This server has more work
	// waiting than it accepts. Wait as long as google.rpc.RetryInfo says, or try
	// another replica.
	ErrOverloaded = sentinel(wxidentv1.ErrorReason_ERROR_REASON_OVERLOADED, "ErrOverloaded",
		"this server has more work waiting than it accepts")

	// ErrCallerRateLimited comes with RESOURCE_EXHAUSTED. This service exceeds
	// the rate, or the number of calls at once, that the server's policy gives
	// it. Wait as long as google.rpc.RetryInfo says.
	ErrCallerRateLimited = sentinel(wxidentv1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED, "ErrCallerRateLimited",
		"this service exceeds what the server's policy gives it")

	// ErrSessionRateLimited comes with RESOURCE_EXHAUSTED. Too much encrypted
	// data of this session was refused within a minute. Wait as long as
	// google.rpc.RetryInfo says.
	ErrSessionRateLimited = sentinel(wxidentv1.ErrorReason_ERROR_REASON_SESSION_RATE_LIMITED, "ErrSessionRateLimited",
		"too much encrypted data of this session was refused within a minute")

	// ErrWeChatBusy comes with UNAVAILABLE. WeChat says that it is busy. Retry;
	// a login needs a new code.
	ErrWeChatBusy = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_BUSY, "ErrWeChatBusy",
		"WeChat says that it is busy")

	// ErrWeChatUnreachable comes with UNAVAILABLE. No connection to WeChat could
	// be made, and nothing was sent. Retry, with the same code if it is a login.
	ErrWeChatUnreachable = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_UNREACHABLE, "ErrWeChatUnreachable",
		"no connection to WeChat could be made, and nothing was sent")

	// ErrWeChatBadResponse comes with UNAVAILABLE. WeChat's answer could not be
	// understood. Retry; a login needs a new code.
	ErrWeChatBadResponse = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_BAD_RESPONSE, "ErrWeChatBadResponse",
		"WeChat's answer could not be understood")

	// ErrStoreUnavailable comes with UNAVAILABLE. The database could not be
	// asked. Retry, with the same code if it is a login: an exchange that WeChat
	// has answered is remembered.
	ErrStoreUnavailable = sentinel(wxidentv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, "ErrStoreUnavailable",
		"the database could not be asked")

	// ErrOutcomeUnknown comes with UNAVAILABLE. The request left for WeChat and
	// no answer came back, so whether it took effect is not known. Retry; a
	// login needs a new code.
	ErrOutcomeUnknown = sentinel(wxidentv1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN, "ErrOutcomeUnknown",
		"the request left for WeChat and no answer came back, so whether it took effect is not known")

	// ErrAuditUnavailable comes with UNAVAILABLE. The audit log cannot be
	// written, and nothing secret leaves without its line. Retry, or tell the
	// operator.
	ErrAuditUnavailable = sentinel(wxidentv1.ErrorReason_ERROR_REASON_AUDIT_UNAVAILABLE, "ErrAuditUnavailable",
		"the audit log cannot be written, and nothing secret leaves without its line")

	// ErrDeadlinePassed comes with DEADLINE_EXCEEDED. The caller's deadline
	// passed, or too little of it was left to begin.
	ErrDeadlinePassed = sentinel(wxidentv1.ErrorReason_ERROR_REASON_DEADLINE_PASSED, "ErrDeadlinePassed",
		"the caller's deadline passed, or too little of it was left to begin")

	// ErrKeyUnavailable comes with DATA_LOSS. A stored value was encrypted under
	// a key that is not in the key ring. Tell the operator the key id.
	ErrKeyUnavailable = sentinel(wxidentv1.ErrorReason_ERROR_REASON_KEY_UNAVAILABLE, "ErrKeyUnavailable",
		"a stored value was encrypted under a key that is not in the key ring")

	// ErrTampered comes with DATA_LOSS. A stored value does not open: it was
	// changed or moved. Tell the operator.
	ErrTampered = sentinel(wxidentv1.ErrorReason_ERROR_REASON_TAMPERED, "ErrTampered",
		"a stored value does not open")

	// ErrWeChatRequestRejected comes with INTERNAL. WeChat refused the form of
	// our request: a defect of this server. Report it with the errcode and rid.
	ErrWeChatRequestRejected = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_REQUEST_REJECTED, "ErrWeChatRequestRejected",
		"WeChat refused the form of our request")

	// ErrInternalFault comes with INTERNAL. Something that must not happen
	// happened. Report it.
	ErrInternalFault = sentinel(wxidentv1.ErrorReason_ERROR_REASON_INTERNAL_FAULT, "ErrInternalFault",
		"something that must not happen happened")

	// ErrWeChatErrcodeUnknown comes with UNKNOWN. WeChat answered with an
	// errcode that this server does not know. Do not retry; the errcode is in
	// the metadata.
	ErrWeChatErrcodeUnknown = sentinel(wxidentv1.ErrorReason_ERROR_REASON_WECHAT_ERRCODE_UNKNOWN, "ErrWeChatErrcodeUnknown",
		"WeChat answered with an errcode that this server does not know")
)

// Filled as the sentinels above are made.
var sentinels = map[wxidentv1.ErrorReason]*reasonSentinel{}

func sentinel(reason wxidentv1.ErrorReason, name, what string) error {
	s := &reasonSentinel{reason: reason, name: name, what: what}
	sentinels[reason] = s
	return s
}
