package wxidentfake

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

const (
	tokenLife      = 2 * time.Hour
	codeLife       = 5 * time.Minute
	sessionTTL     = 7 * 24 * time.Hour
	refreshOverlap = 30 * time.Second
)

type app struct {
	id      string
	token   *wxidentv1.GetAccessTokenResponse
	rotated chan struct{} // closed, and replaced, with each new token
}

// person is whom a name stands for, in all apps.
type person struct {
	name       string
	unionid    string
	phone      string
	profile    *wxidentv1.UserInfo
	userID     string // empty before the first login
	since      time.Time
	linked     bool // the phone
	identities []*identity
}

// identity is a person in one app.
type identity struct {
	appID, openid string
	person        *person
	seen          bool // has logged in
	stored        *wxidentv1.GetUserInfoResponse
}

type codeKind int

const (
	miniProgramCode codeKind = iota
	oauthCode
	phoneCode
)

type code struct {
	kind     codeKind
	identity *identity
	made     time.Time
	answer   *wxidentv1.LoginResponse
	used     bool
}

// sealed is what stands behind encrypted data of this fake.
type sealed struct {
	identity *identity
	phone    bool
	json     string
	at       time.Time
}

// family is a login with all its tokens.
type family struct {
	identity *identity
	created  time.Time
	expires  time.Time
	revoked  bool
}

type session struct {
	*family
	replaced time.Time // by RefreshSession; zero while it is the newest
}

// AddApp makes an app known and returns its id. It takes every redirect host.
func (s *Server) AddApp(appID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps[appID] == nil {
		a := &app{id: appID, rotated: make(chan struct{})}
		s.apps[appID] = a
		s.rotate(a)
	}
	return appID
}

// User is a person with WeChat, in one app.
type User struct {
	server   *Server
	identity *identity
}

// AddUser makes a person who uses an app, which is added if need be. The same
// name in another app is the same person. wxident hears of the person at the
// first login.
func (s *Server) AddUser(appID, name string) *User {
	s.AddApp(appID)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[name]
	if p == nil {
		p = &person{
			name:    name,
			unionid: "o" + randomText(20),
			phone:   fmt.Sprintf("138%08d", len(s.people)),
			profile: &wxidentv1.UserInfo{Nickname: name, Language: "zh_CN"},
		}
		s.people[name] = p
	}
	for _, known := range p.identities {
		if known.appID == appID {
			return &User{s, known}
		}
	}
	made := &identity{appID: appID, openid: "o" + randomText(20), person: p}
	p.identities = append(p.identities, made)
	return &User{s, made}
}

// OpenID is the person's id in the app.
func (u *User) OpenID() string { return u.identity.openid }

// UnionID is the person's id in the Open Platform account.
func (u *User) UnionID() string { return u.identity.person.unionid }

// ID is wxident's user_id, empty before the first login.
func (u *User) ID() string {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	return u.identity.person.userID
}

// SetPhone sets the phone number that the person may share.
func (u *User) SetPhone(number string) {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	u.identity.person.phone = number
}

// SetProfile sets what WeChat tells about the person.
func (u *User) SetProfile(profile *wxidentv1.UserInfo) {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	u.identity.person.profile = profile
}

// LoginCode is a new code of wx.login, for mini_program_code.
func (u *User) LoginCode() string { return u.code(miniProgramCode) }

// OAuthCode is a new code of a page of GetAuthorizeUrl, for oauth_code.
func (u *User) OAuthCode() string { return u.code(oauthCode) }

// PhoneCode is a new code of a getPhoneNumber event, for phone_code.
func (u *User) PhoneCode() string { return u.code(phoneCode) }

func (u *User) code(kind codeKind) string {
	text := randomText(24)
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	u.server.codes[text] = &code{kind: kind, identity: u.identity, made: u.server.now()}
	return text
}

// Login logs the person in without a call, and returns the session token.
func (u *User) Login() string {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	return u.server.signIn(u.identity, sessionTTL).SessionToken
}

// EncryptedPhone is what a getPhoneNumber event gives, for DecryptPhone. Only
// this fake opens it.
func (u *User) EncryptedPhone() *wxidentv1.EncryptedData {
	data, iv := u.seal(&sealed{phone: true})
	return &wxidentv1.EncryptedData{EncryptedData: data, Iv: iv}
}

// EncryptedData is open data that holds a JSON object, for DecryptUserData.
// Only this fake opens it.
func (u *User) EncryptedData(json string) *wxidentv1.EncryptedData {
	data, iv := u.seal(&sealed{json: json})
	return &wxidentv1.EncryptedData{EncryptedData: data, Iv: iv}
}

// EncryptedProfile is what wx.getUserInfo gives, for GetUserInfo. Only this
// fake opens it.
func (u *User) EncryptedProfile() *wxidentv1.EncryptedProfile {
	data, iv := u.seal(&sealed{})
	return &wxidentv1.EncryptedProfile{EncryptedData: data, Iv: iv}
}

func (u *User) seal(what *sealed) (data, iv string) {
	data = base64.StdEncoding.EncodeToString(randomBytes(48))
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	what.identity = u.identity
	what.at = u.server.now()
	u.server.sealed[data] = what
	return data, base64.StdEncoding.EncodeToString(randomBytes(16))
}

// Revoke ends a session, as RevokeSession does.
func (s *Server) Revoke(sessionToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.active(sessionToken); found != nil {
		found.revoked = true
	}
}

// RotateToken gives an app a new access_token, tells the streams that watch it,
// and returns it.
func (s *Server) RotateToken(appID string) string {
	s.AddApp(appID)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appID]
	s.rotate(a)
	return a.token.AccessToken
}

// rotate needs the lock.
func (s *Server) rotate(a *app) {
	a.token = &wxidentv1.GetAccessTokenResponse{
		AccessToken: "98_" + randomText(120),
		ExpireTime:  timestamppb.New(s.now().Add(tokenLife)),
		Generation:  a.token.GetGeneration() + 1,
		Kind:        wxidentv1.AccessTokenKind_ACCESS_TOKEN_KIND_APP,
	}
	close(a.rotated)
	a.rotated = make(chan struct{})
}

// signIn needs the lock.
func (s *Server) signIn(who *identity, ttl time.Duration) *wxidentv1.LoginResponse {
	p := who.person
	isNew := p.userID == ""
	if isNew {
		p.userID, p.since = newUUID(), s.now()
	}
	who.seen = true
	made := &session{family: &family{identity: who, created: s.now(), expires: s.now().Add(ttl)}}
	token := s.keep(made)
	return &wxidentv1.LoginResponse{
		SessionToken: token,
		ExpireTime:   timestamppb.New(made.expires),
		User:         p.user(),
		Identity:     who.message(),
		NewUser:      isNew,
	}
}

// keep needs the lock.
func (s *Server) keep(made *session) string {
	token := "wxs1_" + base64.RawURLEncoding.EncodeToString(randomBytes(32))
	s.sessions[token] = made
	return token
}

// active needs the lock.
func (s *Server) active(token string) *session {
	found := s.sessions[token]
	if found == nil || found.revoked || !s.now().Before(found.expires) {
		return nil
	}
	if !found.replaced.IsZero() && s.now().Sub(found.replaced) >= refreshOverlap {
		return nil
	}
	return found
}

func (p *person) user() *wxidentv1.User {
	return &wxidentv1.User{UserId: p.userID, CreateTime: timestamppb.New(p.since), PhoneLinked: p.linked}
}

func (i *identity) message() *wxidentv1.Identity {
	return &wxidentv1.Identity{AppId: i.appID, Openid: i.openid, Unionid: i.person.unionid}
}

// Login logs a user in through the server's own client.
func (s *Server) Login(ctx context.Context, user *User) (*wxidentv1.LoginResponse, error) {
	return s.client.Login(ctx, &wxidentv1.LoginRequest{
		AppId:      user.identity.appID,
		Credential: &wxidentv1.LoginRequest_MiniProgramCode{MiniProgramCode: user.LoginCode()},
	})
}

func randomBytes(n int) []byte {
	bytes := make([]byte, n)
	rand.Read(bytes) // never fails
	return bytes
}

// randomText is of A-Z, a-z, 0-9, '_' and '-'.
func randomText(bytes int) string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(bytes))
}

func newUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
