package wxidentfake_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

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
