package wxidentfake_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

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
