package wxidentfake_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

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
	} {
		_, err := fake.Client().BatchGetUsers(t.Context(), request)
		wantError(t, err, wxident.ErrRequestInvalid, field)
	}
	// What is wrong with one is its own error.
	for _, request := range []*wxidentv1.BatchGetUsersRequest{
		{IdentityRefs: []*wxidentv1.IdentityRef{{AppId: mini}, ref(alice)}},
		{UserIds: []string{"alice", alice.ID()}},
	} {
		answer, err := fake.Client().BatchGetUsers(t.Context(), request)
		users := answer.GetUsers()
		if err != nil || len(users) != 2 || users[0].GetError().GetReason() != "REQUEST_INVALID" ||
			users[0].GetFound() || !users[1].GetFound() || users[1].GetError() != nil {
			t.Errorf("%v gave %v, %v", request, answer, err)
		}
	}
}
