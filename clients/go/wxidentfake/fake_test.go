package wxidentfake_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

const (
	mini     = "wx4f4bc4dec97d474b"
	official = "wx0a1b2c3d4e5f6071"
)

func miniCode(code string) *wxidentv1.LoginRequest {
	return &wxidentv1.LoginRequest{AppId: mini,
		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: code}}
}

func oauthCode(code string) *wxidentv1.LoginRequest {
	return &wxidentv1.LoginRequest{AppId: official,
		Credential: &wxidentv1.LoginRequest_OauthCode{OauthCode: code}}
}

func wantError(t *testing.T, err, want error, violations ...string) {
	t.Helper()
	var e *wxident.Error
	if !errors.As(err, &e) || !errors.Is(err, want) {
		t.Errorf("it ended with %v, want %v", err, want)
		return
	}
	var got []string
	for _, violation := range e.Violations {
		got = append(got, violation.Field)
	}
	if strings.Join(got, " ") != strings.Join(violations, " ") {
		t.Errorf("the violations are %q, want %q", got, violations)
	}
}

func active(t *testing.T, fake *wxidentfake.Server, token string) bool {
	t.Helper()
	answer, err := fake.Client().ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetActive()
}

func TestLogin(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(mini, "alice")
	code := alice.LoginCode()
	first, err := fake.Client().Login(t.Context(), miniCode(code))
	if err != nil {
		t.Fatal(err)
	}
	if !first.GetNewUser() || first.GetUser().GetUserId() != alice.ID() || alice.ID() == "" ||
		first.GetIdentity().GetOpenid() != alice.OpenID() || first.GetIdentity().GetUnionid() != alice.UnionID() ||
		!strings.HasPrefix(first.GetSessionToken(), "wxs1_") || len(first.GetSessionToken()) != 48 {
		t.Errorf("the first login gave %v", first)
	}
	again, err := fake.Client().Login(t.Context(), miniCode(code))
	if err != nil || !proto.Equal(first, again) {
		t.Errorf("the same code gave %v, %v", again, err)
	}
	other, err := fake.Login(t.Context(), alice)
	if err != nil || other.GetNewUser() || other.GetSessionToken() == first.GetSessionToken() {
		t.Errorf("another code gave %v, %v", other, err)
	}
	elsewhere := fake.AddUser(official, "alice")
	web, err := fake.Client().Login(t.Context(), oauthCode(elsewhere.OAuthCode()))
	if err != nil || web.GetUser().GetUserId() != alice.ID() || web.GetIdentity().GetOpenid() == alice.OpenID() {
		t.Errorf("another app gave %v, %v", web, err)
	}
	if fake.AddUser(mini, "alice").OpenID() != alice.OpenID() {
		t.Error("the same person has another openid")
	}
}

func TestLoginErrors(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(mini, "alice")
	fake.AddApp(official)
	old := alice.LoginCode()
	fake.Advance(5 * time.Minute)
	tests := map[string]struct {
		request    *wxidentv1.LoginRequest
		want       error
		violations []string
	}{
		"invented":       {miniCode("invented"), wxident.ErrLoginCodeInvalid, nil},
		"too old":        {miniCode(old), wxident.ErrLoginCodeInvalid, nil},
		"another kind":   {miniCode(alice.PhoneCode()), wxident.ErrLoginCodeInvalid, nil},
		"another app's":  {oauthCode(alice.OAuthCode()), wxident.ErrLoginCodeInvalid, nil},
		"malformed":      {miniCode("a b"), wxident.ErrRequestInvalid, []string{"mini_program_code"}},
		"malformed web":  {oauthCode(strings.Repeat("x", 513)), wxident.ErrRequestInvalid, []string{"oauth_code"}},
		"no credential":  {&wxidentv1.LoginRequest{AppId: mini}, wxident.ErrRequestInvalid, []string{"credential"}},
		"no app":         {&wxidentv1.LoginRequest{}, wxident.ErrRequestInvalid, []string{"app_id"}},
		"an unknown app": {&wxidentv1.LoginRequest{AppId: "wx0"}, wxident.ErrAppUnknown, []string{"app_id"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := fake.Client().Login(t.Context(), test.request)
			wantError(t, err, test.want, test.violations...)
		})
	}
	short := miniCode(alice.LoginCode())
	short.SessionTtl = durationpb.New(time.Millisecond)
	_, err := fake.Client().Login(t.Context(), short)
	wantError(t, err, wxident.ErrRequestInvalid, "session_ttl")
}

func TestSessions(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(mini, "alice")
	ctx, client := t.Context(), fake.Client()

	token := alice.Login()
	if !active(t, fake, token) || active(t, fake, "wxs1_unknown") {
		t.Error("what is active is not what was made")
	}
	fake.Revoke(token)
	if active(t, fake, token) {
		t.Error("a revoked session is active")
	}

	request := miniCode(alice.LoginCode())
	request.SessionTtl = durationpb.New(time.Minute)
	short, err := client.Login(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	fake.Advance(time.Minute)
	if active(t, fake, short.GetSessionToken()) {
		t.Error("an expired session is active")
	}

	one, two := alice.Login(), alice.Login()
	bob := fake.AddUser(mini, "bob").Login()
	revoke := func(request *wxidentv1.RevokeSessionRequest) int32 {
		t.Helper()
		answer, err := client.RevokeSession(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetRevokedCount()
	}
	byToken := &wxidentv1.RevokeSessionRequest{Target: &wxidentv1.RevokeSessionRequest_SessionToken{SessionToken: one}}
	if first, second := revoke(byToken), revoke(byToken); first != 1 || second != 0 {
		t.Errorf("revoked %d, then %d", first, second)
	}
	byUser := &wxidentv1.RevokeSessionRequest{Target: &wxidentv1.RevokeSessionRequest_UserId{UserId: alice.ID()}}
	if count := revoke(byUser); count != 1 || active(t, fake, two) || !active(t, fake, bob) {
		t.Errorf("revoked %d of alice's", count)
	}
	_, err = client.RevokeSession(ctx, &wxidentv1.RevokeSessionRequest{})
	wantError(t, err, wxident.ErrRequestInvalid, "target")
	_, err = client.RevokeSession(ctx, &wxidentv1.RevokeSessionRequest{
		Target: &wxidentv1.RevokeSessionRequest_UserId{UserId: "alice"}})
	wantError(t, err, wxident.ErrRequestInvalid, "user_id")
	_, err = client.ValidateSession(ctx, &wxidentv1.ValidateSessionRequest{})
	wantError(t, err, wxident.ErrRequestInvalid, "session_token")
}

func TestRefreshSession(t *testing.T) {
	fake := wxidentfake.New(t)
	old := fake.AddUser(mini, "alice").Login()
	refresh := func(token string) (string, error) {
		answer, err := fake.Client().RefreshSession(t.Context(), &wxidentv1.RefreshSessionRequest{SessionToken: token})
		return answer.GetSessionToken(), err
	}
	next, err := refresh(old)
	if err != nil || next == old || !active(t, fake, old) || !active(t, fake, next) {
		t.Fatalf("refreshed to %q, %v", next, err)
	}
	fake.Advance(30 * time.Second)
	if active(t, fake, old) || !active(t, fake, next) {
		t.Error("the overlap does not end")
	}
	// The old token has leaked: the family goes.
	_, err = refresh(old)
	wantError(t, err, wxident.ErrSessionNotActive)
	if active(t, fake, next) {
		t.Error("the family of a leaked token is active")
	}
	_, err = refresh("wxs1_unknown")
	wantError(t, err, wxident.ErrSessionNotActive)
}

func TestPhones(t *testing.T) {
	fake := wxidentfake.New(t)
	alice, bob := fake.AddUser(mini, "alice"), fake.AddUser(mini, "bob")
	alice.SetPhone("13912345678")
	token := alice.Login()
	decrypt := func(request *wxidentv1.DecryptPhoneRequest) (string, error) {
		request.SessionToken = token
		answer, err := fake.Client().DecryptPhone(t.Context(), request)
		return answer.GetPhone().GetPhoneNumber(), err
	}
	byCode := func(code string) *wxidentv1.DecryptPhoneRequest {
		return &wxidentv1.DecryptPhoneRequest{Source: &wxidentv1.DecryptPhoneRequest_PhoneCode{PhoneCode: code}}
	}
	sealed := func(data *wxidentv1.EncryptedData) *wxidentv1.DecryptPhoneRequest {
		return &wxidentv1.DecryptPhoneRequest{Source: &wxidentv1.DecryptPhoneRequest_Encrypted{Encrypted: data}}
	}
	code := alice.PhoneCode()
	for name, request := range map[string]*wxidentv1.DecryptPhoneRequest{
		"code": byCode(code), "encrypted": sealed(alice.EncryptedPhone())} {
		if number, err := decrypt(request); err != nil || number != "13912345678" {
			t.Errorf("%s gave %q, %v", name, number, err)
		}
	}
	login, err := fake.Login(t.Context(), alice)
	if err != nil || !login.GetUser().GetPhoneLinked() {
		t.Errorf("the phone is not linked: %v, %v", login, err)
	}
	shortIV := alice.EncryptedPhone()
	shortIV.Iv = "AAAA"
	for name, test := range map[string]struct {
		request    *wxidentv1.DecryptPhoneRequest
		want       error
		violations []string
	}{
		"used code":       {byCode(code), wxident.ErrLoginCodeConsumed, nil},
		"unknown code":    {byCode("invented"), wxident.ErrLoginCodeInvalid, nil},
		"another's code":  {byCode(bob.PhoneCode()), wxident.ErrRequestInvalid, []string{"phone_code"}},
		"another's data":  {sealed(bob.EncryptedPhone()), wxident.ErrDecryptRejected, nil},
		"no phone":        {sealed(alice.EncryptedData("{}")), wxident.ErrDecryptRejected, nil},
		"short iv":        {sealed(shortIV), wxident.ErrRequestInvalid, []string{"encrypted.iv"}},
		"nothing to open": {sealed(nil), wxident.ErrRequestInvalid, []string{"encrypted.encrypted_data"}},
		"no source":       {&wxidentv1.DecryptPhoneRequest{}, wxident.ErrRequestInvalid, []string{"source"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decrypt(test.request)
			wantError(t, err, test.want, test.violations...)
		})
	}
}

func TestUserData(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(mini, "alice")
	sealed := alice.EncryptedData(`{"openGId":"g"}`)
	request := &wxidentv1.DecryptUserDataRequest{SessionToken: alice.Login(),
		EncryptedData: sealed.GetEncryptedData(), Iv: sealed.GetIv()}
	answer, err := fake.Client().DecryptUserData(t.Context(), request)
	if err != nil || answer.GetJson() != `{"openGId":"g"}` {
		t.Errorf("it gave %v, %v", answer, err)
	}
	valid, err := fake.Client().CheckSessionKey(t.Context(), &wxidentv1.CheckSessionKeyRequest{SessionToken: request.SessionToken})
	if err != nil || !valid.GetValid() {
		t.Errorf("CheckSessionKey gave %v, %v", valid, err)
	}
	request.EncryptedData = "AAAA"
	_, err = fake.Client().DecryptUserData(t.Context(), request)
	wantError(t, err, wxident.ErrDecryptRejected)
	request.SessionToken = "wxs1_unknown"
	_, err = fake.Client().DecryptUserData(t.Context(), request)
	wantError(t, err, wxident.ErrSessionNotActive)
	_, err = fake.Client().CheckSessionKey(t.Context(), &wxidentv1.CheckSessionKeyRequest{SessionToken: "wxs1_unknown"})
	wantError(t, err, wxident.ErrSessionNotActive)
}

func TestUserInfo(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(official, "alice")
	alice.SetProfile(&wxidentv1.UserInfo{Nickname: "Alice", City: "Shenzhen"})
	token := &wxidentv1.GetUserInfoRequest_SessionToken{SessionToken: alice.Login()}
	stored := &wxidentv1.GetUserInfoRequest_Stored{Stored: &wxidentv1.StoredProfile{}}
	oauth := &wxidentv1.GetUserInfoRequest_Oauth{Oauth: &wxidentv1.OauthProfile{}}
	get := func(request *wxidentv1.GetUserInfoRequest) (*wxidentv1.GetUserInfoResponse, error) {
		return fake.Client().GetUserInfo(t.Context(), request)
	}
	_, err := get(&wxidentv1.GetUserInfoRequest{Subject: token, Source: stored})
	wantError(t, err, wxident.ErrProfileNotFound)
	_, err = get(&wxidentv1.GetUserInfoRequest{Subject: token, Source: oauth})
	wantError(t, err, wxident.ErrOAuthGrantExpired)
	if _, err := fake.Client().Login(t.Context(), oauthCode(alice.OAuthCode())); err != nil {
		t.Fatal(err)
	}
	sources := []*wxidentv1.GetUserInfoRequest{
		{Source: &wxidentv1.GetUserInfoRequest_EncryptedProfile{EncryptedProfile: alice.EncryptedProfile()}},
		{Source: oauth},
		{Source: &wxidentv1.GetUserInfoRequest_Follower{Follower: &wxidentv1.FollowerProfile{}}},
	}
	for i, request := range sources {
		request.Subject = token
		answer, err := get(request)
		if err != nil || answer.GetUserInfo().GetCity() != "Shenzhen" || answer.GetSource() != wxidentv1.UserInfoSource(i+1) ||
			answer.GetUser().GetUserId() != alice.ID() {
			t.Errorf("source %d gave %v, %v", i, answer, err)
		}
		ref := &wxidentv1.GetUserInfoRequest_IdentityRef{
			IdentityRef: &wxidentv1.IdentityRef{AppId: official, Openid: alice.OpenID()}}
		kept, err := get(&wxidentv1.GetUserInfoRequest{Subject: ref, Source: stored})
		if err != nil || !proto.Equal(kept, answer) {
			t.Errorf("after source %d is stored %v, %v", i, kept, err)
		}
	}
	for name, test := range map[string]struct {
		request    *wxidentv1.GetUserInfoRequest
		want       error
		violations []string
	}{
		"no subject": {&wxidentv1.GetUserInfoRequest{Source: stored}, wxident.ErrRequestInvalid, []string{"subject"}},
		"no source":  {&wxidentv1.GetUserInfoRequest{Subject: token}, wxident.ErrRequestInvalid, []string{"source"}},
		"a stranger": {&wxidentv1.GetUserInfoRequest{Source: stored, Subject: &wxidentv1.GetUserInfoRequest_IdentityRef{
			IdentityRef: &wxidentv1.IdentityRef{AppId: official, Openid: "o"}}}, wxident.ErrUserNotFound, nil},
		"encrypted without session": {&wxidentv1.GetUserInfoRequest{Subject: &wxidentv1.GetUserInfoRequest_IdentityRef{
			IdentityRef: &wxidentv1.IdentityRef{AppId: official, Openid: alice.OpenID()}},
			Source: &wxidentv1.GetUserInfoRequest_EncryptedProfile{EncryptedProfile: alice.EncryptedProfile()}},
			wxident.ErrRequestInvalid, []string{"encrypted_profile"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(test.request)
			wantError(t, err, test.want, test.violations...)
		})
	}
}

func TestAccessTokens(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.AddApp(official)
	get := func(request *wxidentv1.GetAccessTokenRequest) *wxidentv1.GetAccessTokenResponse {
		t.Helper()
		request.AppId = official
		answer, err := fake.Client().GetAccessToken(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	first := get(&wxidentv1.GetAccessTokenRequest{})
	if first.GetGeneration() != 1 || !proto.Equal(first, get(&wxidentv1.GetAccessTokenRequest{})) {
		t.Errorf("the first is %v", first)
	}
	second := get(&wxidentv1.GetAccessTokenRequest{RejectedAccessToken: first.GetAccessToken()})
	if second.GetGeneration() != 2 || second.GetAccessToken() == first.GetAccessToken() {
		t.Errorf("after a rejection comes %v", second)
	}
	if again := get(&wxidentv1.GetAccessTokenRequest{RejectedAccessToken: first.GetAccessToken()}); !proto.Equal(again, second) {
		t.Errorf("the same rejection gives %v", again)
	}
	if rotated := fake.RotateToken(official); get(&wxidentv1.GetAccessTokenRequest{}).GetAccessToken() != rotated {
		t.Error("the rotated token is not given")
	}
	fake.Advance(2 * time.Hour)
	if late := get(&wxidentv1.GetAccessTokenRequest{}); late.GetGeneration() != 4 {
		t.Errorf("after two hours comes %v", late)
	}
	_, err := fake.Client().GetAccessToken(t.Context(), &wxidentv1.GetAccessTokenRequest{AppId: "wx0"})
	wantError(t, err, wxident.ErrAppUnknown, "app_id")

	alice := fake.AddUser(official, "alice")
	web := &wxidentv1.GetAccessTokenRequest{AppId: official, Kind: &wxidentv1.GetAccessTokenRequest_Web{
		Web: &wxidentv1.WebAccessToken{IdentityRef: &wxidentv1.IdentityRef{AppId: official, Openid: alice.OpenID()}}}}
	_, err = fake.Client().GetAccessToken(t.Context(), web)
	wantError(t, err, wxident.ErrUserNotFound)
	alice.Login()
	_, err = fake.Client().GetAccessToken(t.Context(), web)
	wantError(t, err, wxident.ErrOAuthGrantExpired)
	if _, err := fake.Client().Login(t.Context(), oauthCode(alice.OAuthCode())); err != nil {
		t.Fatal(err)
	}
	if token := get(web); token.GetKind() != wxidentv1.AccessTokenKind_ACCESS_TOKEN_KIND_WEB || token.GetGeneration() != 0 {
		t.Errorf("the web token is %v", token)
	}
}

func TestWeb(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.AddApp(official)
	signed, err := fake.Client().GetJsapiSignature(t.Context(), &wxidentv1.GetJsapiSignatureRequest{AppId: official, Url: "https://a.example/p#x"})
	if err != nil || len(signed.GetNonce()) != 16 || len(signed.GetSignature()) != 40 || signed.GetTimestamp() == 0 {
		t.Errorf("GetJsapiSignature gave %v, %v", signed, err)
	}
	_, err = fake.Client().GetJsapiSignature(t.Context(), &wxidentv1.GetJsapiSignatureRequest{AppId: official, Url: "ftp://a"})
	wantError(t, err, wxident.ErrRequestInvalid, "url")

	good := func() *wxidentv1.GetAuthorizeUrlRequest {
		return &wxidentv1.GetAuthorizeUrlRequest{AppId: official, RedirectUri: "https://a.example/back", Scope: "snsapi_base", State: "s1"}
	}
	page, err := fake.Client().GetAuthorizeUrl(t.Context(), good())
	want := "https://open.weixin.qq.com/connect/oauth2/authorize?appid=" + official +
		"&redirect_uri=https%3A%2F%2Fa.example%2Fback&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
	if err != nil || page.GetUrl() != want {
		t.Errorf("GetAuthorizeUrl gave %v, %v", page, err)
	}
	for field, spoil := range map[string]func(*wxidentv1.GetAuthorizeUrlRequest){
		"redirect_uri": func(r *wxidentv1.GetAuthorizeUrlRequest) { r.RedirectUri = "http://a.example" },
		"scope":        func(r *wxidentv1.GetAuthorizeUrlRequest) { r.Scope = "all" },
		"state":        func(r *wxidentv1.GetAuthorizeUrlRequest) { r.State = "" },
	} {
		request := good()
		spoil(request)
		_, err := fake.Client().GetAuthorizeUrl(t.Context(), request)
		wantError(t, err, wxident.ErrRequestInvalid, field)
	}
}

func TestUsers(t *testing.T) {
	fake := wxidentfake.New(t)
	alice := fake.AddUser(mini, "alice")
	fake.AddUser(official, "alice") // has not logged in there
	alice.Login()
	ref := func(user *wxidentfake.User) *wxidentv1.IdentityRef {
		return &wxidentv1.IdentityRef{AppId: mini, Openid: user.OpenID()}
	}
	for _, request := range []*wxidentv1.GetUserRequest{
		{Subject: &wxidentv1.GetUserRequest_UserId{UserId: alice.ID()}},
		{Subject: &wxidentv1.GetUserRequest_IdentityRef{IdentityRef: ref(alice)}},
		{Subject: &wxidentv1.GetUserRequest_UnionRef{UnionRef: &wxidentv1.UnionRef{AppId: mini, Unionid: alice.UnionID()}}},
	} {
		answer, err := fake.Client().GetUser(t.Context(), request)
		if err != nil || answer.GetUser().GetUserId() != alice.ID() || len(answer.GetIdentities()) != 1 {
			t.Errorf("%v gave %v, %v", request, answer, err)
		}
	}
	stranger := fake.AddUser(mini, "stranger")
	_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{
		Subject: &wxidentv1.GetUserRequest_IdentityRef{IdentityRef: ref(stranger)}})
	wantError(t, err, wxident.ErrUserNotFound)
	_, err = fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{
		Subject: &wxidentv1.GetUserRequest_UserId{UserId: "alice"}})
	wantError(t, err, wxident.ErrRequestInvalid, "user_id")
	_, err = fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
	wantError(t, err, wxident.ErrRequestInvalid, "subject")

	nobody := "00000000-0000-7000-8000-000000000000"
	for _, request := range []*wxidentv1.BatchGetUsersRequest{
		{IdentityRefs: []*wxidentv1.IdentityRef{ref(stranger), ref(alice)}},
		{UserIds: []string{nobody, alice.ID()}},
	} {
		answer, err := fake.Client().BatchGetUsers(t.Context(), request)
		users := answer.GetUsers()
		if err != nil || len(users) != 2 || users[0].GetFound() || users[1].GetUser().GetUserId() != alice.ID() {
			t.Errorf("%v gave %v, %v", request, answer, err)
		}
	}
	for field, request := range map[string]*wxidentv1.BatchGetUsersRequest{
		"user_ids":      {IdentityRefs: []*wxidentv1.IdentityRef{ref(alice)}, UserIds: []string{nobody}},
		"identity_refs": {IdentityRefs: make([]*wxidentv1.IdentityRef, 501)},
		"user_ids[0]":   {UserIds: []string{"alice"}},
	} {
		_, err := fake.Client().BatchGetUsers(t.Context(), request)
		wantError(t, err, wxident.ErrRequestInvalid, field)
	}
}

// Each reason comes with the code that error_reason.proto names.
func TestFailNextWithEachReason(t *testing.T) {
	text, err := os.ReadFile("../../../protos/wxident/v1/error_reason.proto")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`(?:^|\n)\n  // ([A-Z_]+)\. (?:.*\n  // )*.*\n  (ERROR_REASON_[A-Z_]+) = `).
		FindAllStringSubmatch(string(text), -1)
	if want := len(wxidentv1.ErrorReason_name) - 1; len(reasons) != want {
		t.Fatalf("the file has %d reasons, want %d", len(reasons), want)
	}
	fake := wxidentfake.New(t)
	for _, match := range reasons {
		name := match[2]
		t.Run(name, func(t *testing.T) {
			reason := wxidentv1.ErrorReason(wxidentv1.ErrorReason_value[name])
			fake.FailNext("GetUser", reason)
			_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
			var e *wxident.Error
			if !errors.As(err, &e) || e.Reason != reason || code.Code(e.Code).String() != match[1] {
				t.Errorf("it ended with %v, want code %s", err, match[1])
			}
		})
	}
}

func TestFailNext(t *testing.T) {
	fake := wxidentfake.New(t)
	fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_WECHAT_RATE_LIMITED,
		wxidentfake.WithErrcode(45009), wxidentfake.WithRetryAfter(time.Minute), wxidentfake.WithMessage("enough for today"))
	fake.FailNext("GetUser", wxidentv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, wxidentfake.WithField("user_id"))
	get := func() *wxident.Error {
		t.Helper()
		_, err := fake.Client().GetUser(t.Context(), &wxidentv1.GetUserRequest{})
		var e *wxident.Error
		if !errors.As(err, &e) {
			t.Fatalf("it ended with %v", err)
		}
		return e
	}
	e := get()
	if !errors.Is(e, wxident.ErrWeChatRateLimited) || e.Metadata["errcode"] != "45009" ||
		e.RetryAfter != time.Minute || e.Message != "enough for today" {
		t.Errorf("first %#v", e)
	}
	if e := get(); len(e.Violations) != 1 || e.Violations[0].Field != "user_id" {
		t.Errorf("second %#v", e)
	}
	if e := get(); e.Violations[0].Field != "subject" {
		t.Errorf("third %#v", e)
	}
	if calls := fake.Calls("GetUser"); calls != 3 {
		t.Errorf("%d calls", calls)
	}
}

// fatal is a test that fails to start.
type fatal struct{ cleanups []func() }

func (*fatal) Helper()                   {}
func (f *fatal) Cleanup(clean func())    { f.cleanups = append(f.cleanups, clean) }
func (*fatal) Fatalf(_ string, _ ...any) {}

func TestNewEndsWithTheTest(t *testing.T) {
	test := &fatal{}
	fake := wxidentfake.New(test)
	if active(t, fake, "wxs1_x") {
		t.Error("it is active")
	}
	for _, clean := range test.cleanups {
		clean()
	}
	client, err := wxident.New(fake.Addr(), wxident.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.ValidateSession(t.Context(), &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"})
	var e *wxident.Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable {
		t.Errorf("after its end a call gave %v", err)
	}
}
