package wxidentfake_test

import (
	"testing"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

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
