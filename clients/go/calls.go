package wxident

import (
	"context"

	"google.golang.org/grpc"

	"github.com/wxident/wxident/clients/go/internal/contract"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// Login exchanges a login code for a session of our own. The person is found
// or created by (app, openid), and by unionid where WeChat gives one. The call
// may be repeated: for 5 minutes the same code gives the same session, and any
// number of calls at once make one call to WeChat.
//
// Errors: [ErrLoginCodeInvalid], [ErrLoginCodeConsumed], [ErrSnapshotUser],
// [ErrUserBlocked], [ErrAppMisconfigured], [ErrWeChatRateLimited],
// [ErrWeChatBusy], [ErrWeChatUnreachable], [ErrWeChatBadResponse],
// [ErrOutcomeUnknown], [ErrStoreUnavailable].
func (c *Client) Login(ctx context.Context, request *wxidentv1.LoginRequest, opts ...grpc.CallOption) (*wxidentv1.LoginResponse, error) {
	return call(ctx, c, "Login", contract.LoginDeadline, c.stub.Login, request, opts)
}

// ValidateSession tells whether a session token is active, and whose it is. A
// token that is unknown, expired or revoked is no error: the answer is active
// = false.
//
// Errors: [ErrStoreUnavailable].
func (c *Client) ValidateSession(ctx context.Context, request *wxidentv1.ValidateSessionRequest, opts ...grpc.CallOption) (*wxidentv1.ValidateSessionResponse, error) {
	return call(ctx, c, "ValidateSession", contract.ValidateSessionDeadline, c.stub.ValidateSession, request, opts)
}

// RefreshSession exchanges a session token for a new one of the same session,
// and moves the end of the session by its idle limit, never beyond its
// absolute end. The old token goes on working for sessions.refresh_overlap. A
// token that is refreshed once more after that has leaked: the whole family of
// tokens is revoked.
//
// Errors: [ErrSessionNotActive], [ErrKeyUnavailable], [ErrTampered],
// [ErrStoreUnavailable].
func (c *Client) RefreshSession(ctx context.Context, request *wxidentv1.RefreshSessionRequest, opts ...grpc.CallOption) (*wxidentv1.RefreshSessionResponse, error) {
	return call(ctx, c, "RefreshSession", contract.RefreshSessionDeadline, c.stub.RefreshSession, request, opts)
}

// RevokeSession ends one session, or all sessions of a user. Repeating it is
// harmless.
//
// Errors: [ErrStoreUnavailable].
func (c *Client) RevokeSession(ctx context.Context, request *wxidentv1.RevokeSessionRequest, opts ...grpc.CallOption) (*wxidentv1.RevokeSessionResponse, error) {
	return call(ctx, c, "RevokeSession", contract.RevokeSessionDeadline, c.stub.RevokeSession, request, opts)
}

// CheckSessionKey asks WeChat whether the session_key kept for this session's
// identity is still the current one. Where none is kept, valid is false at
// once.
//
// Errors: [ErrSessionNotActive], [ErrAPIUnauthorized], [ErrAppMisconfigured],
// [ErrTokenBudgetExhausted], [ErrWeChatRateLimited], [ErrWeChatBusy],
// [ErrWeChatUnreachable], [ErrWeChatBadResponse], [ErrOutcomeUnknown],
// [ErrKeyUnavailable], [ErrTampered], [ErrStoreUnavailable].
func (c *Client) CheckSessionKey(ctx context.Context, request *wxidentv1.CheckSessionKeyRequest, opts ...grpc.CallOption) (*wxidentv1.CheckSessionKeyResponse, error) {
	return call(ctx, c, "CheckSessionKey", contract.CheckSessionKeyDeadline, c.stub.CheckSessionKey, request, opts)
}

// DecryptPhone gets a phone number in either of WeChat's ways, stores it for
// the user and returns it: opened from what a mini program received, or
// fetched for a phone code.
//
// Errors: [ErrSessionNotActive], [ErrSessionKeyStale], [ErrDecryptRejected],
// [ErrLoginCodeInvalid] and [ErrLoginCodeConsumed] (of a phone code),
// [ErrAPIUnauthorized], [ErrAppMisconfigured], [ErrWeChatRateLimited],
// [ErrWeChatBusy], [ErrWeChatUnreachable], [ErrWeChatBadResponse],
// [ErrOutcomeUnknown], [ErrKeyUnavailable], [ErrTampered],
// [ErrStoreUnavailable].
func (c *Client) DecryptPhone(ctx context.Context, request *wxidentv1.DecryptPhoneRequest, opts ...grpc.CallOption) (*wxidentv1.DecryptPhoneResponse, error) {
	return call(ctx, c, "DecryptPhone", contract.DecryptPhoneDeadline, c.stub.DecryptPhone, request, opts)
}

// DecryptUserData opens any other open data of a mini program, such as steps
// or group ids, and returns its JSON. Nothing is stored.
//
// Errors: [ErrSessionNotActive], [ErrSessionKeyStale], [ErrDecryptRejected],
// [ErrKeyUnavailable], [ErrTampered], [ErrStoreUnavailable].
func (c *Client) DecryptUserData(ctx context.Context, request *wxidentv1.DecryptUserDataRequest, opts ...grpc.CallOption) (*wxidentv1.DecryptUserDataResponse, error) {
	return call(ctx, c, "DecryptUserData", contract.DecryptUserDataDeadline, c.stub.DecryptUserData, request, opts)
}

// GetUserInfo gets a profile from one of its sources, stores it, links a
// unionid that came with it, and returns it; or returns the one stored last.
//
// Errors: [ErrSessionNotActive], [ErrSessionKeyStale], [ErrDecryptRejected],
// [ErrUserNotFound], [ErrProfileNotFound], [ErrOAuthGrantExpired],
// [ErrOAuthScopeInsufficient], [ErrSnapshotUser], [ErrAPIUnauthorized],
// [ErrAppMisconfigured], [ErrWeChatRateLimited], [ErrWeChatBusy],
// [ErrWeChatUnreachable], [ErrWeChatBadResponse], [ErrKeyUnavailable],
// [ErrTampered], [ErrStoreUnavailable].
func (c *Client) GetUserInfo(ctx context.Context, request *wxidentv1.GetUserInfoRequest, opts ...grpc.CallOption) (*wxidentv1.GetUserInfoResponse, error) {
	return call(ctx, c, "GetUserInfo", contract.GetUserInfoDeadline, c.stub.GetUserInfo, request, opts)
}

// GetAccessToken returns the one valid access_token of an app, or of a
// person's web grant. Any number of callers share it; it is fetched once,
// kept, and replaced before it expires.
//
// Errors: [ErrOAuthGrantExpired] and [ErrUserNotFound] (kind web),
// [ErrAppMisconfigured], [ErrAPIUnauthorized], [ErrTokenBudgetExhausted],
// [ErrWeChatRateLimited], [ErrWeChatBusy], [ErrWeChatUnreachable],
// [ErrWeChatBadResponse], [ErrOutcomeUnknown].
func (c *Client) GetAccessToken(ctx context.Context, request *wxidentv1.GetAccessTokenRequest, opts ...grpc.CallOption) (*wxidentv1.GetAccessTokenResponse, error) {
	return call(ctx, c, "GetAccessToken", contract.GetAccessTokenDeadline, c.stub.GetAccessToken, request, opts)
}

// GetJsapiSignature signs a page's URL for wx.config of WeChat's JS-SDK. The
// jsapi_ticket that it takes is kept like an access_token, and never shown.
//
// Errors: [ErrRequestInvalid], [ErrAppUnknown], and those of GetAccessToken.
func (c *Client) GetJsapiSignature(ctx context.Context, request *wxidentv1.GetJsapiSignatureRequest, opts ...grpc.CallOption) (*wxidentv1.GetJsapiSignatureResponse, error) {
	return call(ctx, c, "GetJsapiSignature", contract.GetJsapiSignatureDeadline, c.stub.GetJsapiSignature, request, opts)
}

// GetAuthorizeUrl makes the address of the page that yields an oauth_code.
//
// Errors: [ErrAppUnknown], [ErrRequestInvalid] (a redirect host that is not on
// the app's list).
func (c *Client) GetAuthorizeUrl(ctx context.Context, request *wxidentv1.GetAuthorizeUrlRequest, opts ...grpc.CallOption) (*wxidentv1.GetAuthorizeUrlResponse, error) {
	return call(ctx, c, "GetAuthorizeUrl", contract.GetAuthorizeUrlDeadline, c.stub.GetAuthorizeUrl, request, opts)
}

// GetUser finds a user by id, by identity or by unionid.
//
// Errors: [ErrUserNotFound], [ErrStoreUnavailable].
func (c *Client) GetUser(ctx context.Context, request *wxidentv1.GetUserRequest, opts ...grpc.CallOption) (*wxidentv1.GetUserResponse, error) {
	return call(ctx, c, "GetUser", contract.GetUserDeadline, c.stub.GetUser, request, opts)
}

// BatchGetUsers finds many users at once. Who asks for nobody gets nobody. What
// is wrong with one is the Error of its answer, not of the call.
//
// Errors: [ErrStoreUnavailable]; [ErrCallerNotAllowed] when the caller may use
// no app of identity_refs.
func (c *Client) BatchGetUsers(ctx context.Context, request *wxidentv1.BatchGetUsersRequest, opts ...grpc.CallOption) (*wxidentv1.BatchGetUsersResponse, error) {
	timeout := contract.BatchGetUsersDeadline
	if request.GetRefreshFollowers() {
		timeout = contract.BatchGetUsersLongest
	}
	return call(ctx, c, "BatchGetUsers", timeout, c.stub.BatchGetUsers, request, opts)
}
