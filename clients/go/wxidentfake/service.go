package wxidentfake

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

var (
	codeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,512}$`)
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// service answers the calls.
type service struct {
	wxidentv1.UnimplementedIdentityServiceServer
	s *Server
}

// lockedApp needs the lock.
func (s *Server) lockedApp(field, appID string) (*app, error) {
	if appID == "" {
		return nil, invalid(field, "is required")
	}
	if found := s.apps[appID]; found != nil {
		return found, nil
	}
	return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_APP_UNKNOWN, field: field,
		message: field + " is no app of this server; check the id, or add the app to the server's configuration"}.err()
}

func tokenField(token string) error {
	if token == "" {
		return invalid("session_token", "is required")
	}
	if len(token) > 512 {
		return invalid("session_token", "is longer than 512 characters")
	}
	return nil
}

// lockedSession needs the lock.
func (s *Server) lockedSession(token string) (*session, error) {
	if err := tokenField(token); err != nil {
		return nil, err
	}
	found := s.active(token)
	if found == nil {
		return nil, notActive()
	}
	return found, nil
}

// lockedCode needs the lock. It finds a code that is good for a use.
func (s *Server) lockedCode(field, text string, kind codeKind, appID string) (*code, error) {
	if !codeForm.MatchString(text) {
		return nil, invalid(field, "must be 1 to 512 characters of A-Z, a-z, 0-9, '_', '-'")
	}
	found := s.codes[text]
	if found == nil || found.kind != kind || found.identity.appID != appID ||
		s.now().Sub(found.made) >= codeLife {
		return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_LOGIN_CODE_INVALID, errcode: "40029",
			message: "WeChat says that it does not know the code (errcode 40029); get a new code"}.err()
	}
	return found, nil
}

func (v service) Login(_ context.Context, request *wxidentv1.LoginRequest) (*wxidentv1.LoginResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.lockedApp("app_id", request.GetAppId()); err != nil {
		return nil, err
	}
	var found *code
	var err error
	switch credential := request.GetCredential().(type) {
	case *wxidentv1.LoginRequest_MiniProgramCode:
		found, err = s.lockedCode("mini_program_code", credential.MiniProgramCode, miniProgramCode, request.GetAppId())
	case *wxidentv1.LoginRequest_OauthCode:
		found, err = s.lockedCode("oauth_code", credential.OauthCode, oauthCode, request.GetAppId())
	default:
		err = invalid("credential", "is required")
	}
	if err != nil {
		return nil, err
	}
	ttl := sessionTTL
	if request.SessionTtl != nil {
		ttl = min(ttl, request.GetSessionTtl().AsDuration())
		if ttl.Seconds() < 1 {
			return nil, invalid("session_ttl", "must be 1 s or more")
		}
	}
	if found.answer == nil {
		found.answer = s.signIn(found.identity, ttl)
		if found.kind == oauthCode {
			s.web[found.identity] = &wxidentv1.GetAccessTokenResponse{
				AccessToken: "98_" + randomText(60),
				ExpireTime:  timestamppb.New(s.now().Add(tokenLife)),
				Kind:        wxidentv1.AccessTokenKind_ACCESS_TOKEN_KIND_WEB,
			}
		}
	}
	return proto.CloneOf(found.answer), nil
}

func (v service) ValidateSession(_ context.Context, request *wxidentv1.ValidateSessionRequest) (*wxidentv1.ValidateSessionResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := tokenField(request.GetSessionToken()); err != nil {
		return nil, err
	}
	found := s.active(request.GetSessionToken())
	if found == nil {
		return &wxidentv1.ValidateSessionResponse{}, nil
	}
	return &wxidentv1.ValidateSessionResponse{Active: true, Session: &wxidentv1.Session{
		User:       found.identity.person.user(),
		Identity:   found.identity.message(),
		CreateTime: timestamppb.New(found.created),
		ExpireTime: timestamppb.New(found.expires),
	}}, nil
}

func (v service) RefreshSession(_ context.Context, request *wxidentv1.RefreshSessionRequest) (*wxidentv1.RefreshSessionResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.lockedSession(request.GetSessionToken())
	if err != nil {
		// A token refreshed again after its overlap has leaked.
		if old := s.sessions[request.GetSessionToken()]; old != nil && !old.replaced.IsZero() {
			old.revoked = true
		}
		return nil, err
	}
	if found.replaced.IsZero() {
		found.replaced = s.now()
	}
	found.expires = s.now().Add(sessionTTL)
	return &wxidentv1.RefreshSessionResponse{
		SessionToken: s.keep(&session{family: found.family}),
		ExpireTime:   timestamppb.New(found.expires),
	}, nil
}

func (v service) RevokeSession(_ context.Context, request *wxidentv1.RevokeSessionRequest) (*wxidentv1.RevokeSessionResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := map[*family]bool{}
	switch target := request.GetTarget().(type) {
	case *wxidentv1.RevokeSessionRequest_SessionToken:
		if err := tokenField(target.SessionToken); err != nil {
			return nil, err
		}
		if found := s.active(target.SessionToken); found != nil {
			ended[found.family] = true
		}
	case *wxidentv1.RevokeSessionRequest_UserId:
		if !uuidForm.MatchString(target.UserId) {
			return nil, invalid("user_id", "must be a UUID in lower-case text form")
		}
		for token, one := range s.sessions {
			if one.identity.person.userID == target.UserId && s.active(token) != nil {
				ended[one.family] = true
			}
		}
	default:
		return nil, invalid("target", "is required")
	}
	for one := range ended {
		one.revoked = true
	}
	return &wxidentv1.RevokeSessionResponse{RevokedCount: int32(len(ended))}, nil
}

func (v service) CheckSessionKey(_ context.Context, request *wxidentv1.CheckSessionKeyRequest) (*wxidentv1.CheckSessionKeyResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.lockedSession(request.GetSessionToken()); err != nil {
		return nil, err
	}
	return &wxidentv1.CheckSessionKeyResponse{Valid: true}, nil
}

// lockedOpen needs the lock. It opens what User.seal made.
func (s *Server) lockedOpen(who *identity, prefix, data, iv string) (*sealed, error) {
	if data == "" {
		return nil, invalid(prefix+"encrypted_data", "is required")
	}
	if raw, err := base64.StdEncoding.DecodeString(iv); err != nil || len(raw) != 16 {
		return nil, invalid(prefix+"iv", "must be base64 of 16 bytes")
	}
	opened := s.sealed[data]
	if opened == nil || opened.identity != who {
		return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_DECRYPT_REJECTED,
			message: "the encrypted data does not open, or is not what WeChat makes for this app; " +
				"log in again, then ask WeChat for it again"}.err()
	}
	return opened, nil
}

func (v service) DecryptPhone(_ context.Context, request *wxidentv1.DecryptPhoneRequest) (*wxidentv1.DecryptPhoneResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.lockedSession(request.GetSessionToken())
	if err != nil {
		return nil, err
	}
	at := s.now()
	switch source := request.GetSource().(type) {
	case *wxidentv1.DecryptPhoneRequest_Encrypted:
		opened, err := s.lockedOpen(found.identity, "encrypted.", source.Encrypted.GetEncryptedData(), source.Encrypted.GetIv())
		if err != nil {
			return nil, err
		}
		if !opened.phone {
			return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_DECRYPT_REJECTED,
				message: "the encrypted data is no phone number; ask WeChat for one"}.err()
		}
		at = opened.at
	case *wxidentv1.DecryptPhoneRequest_PhoneCode:
		code, err := s.lockedCode("phone_code", source.PhoneCode, phoneCode, found.identity.appID)
		if err != nil {
			return nil, err
		}
		if code.identity != found.identity {
			return nil, invalid("phone_code", "is not one of this person's")
		}
		if code.used {
			return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_LOGIN_CODE_CONSUMED, errcode: "40163",
				message: "the code has been used (errcode 40163); get a new one from WeChat's phone button"}.err()
		}
		code.used = true
	default:
		return nil, invalid("source", "is required")
	}
	p := found.identity.person
	p.linked = true
	return &wxidentv1.DecryptPhoneResponse{
		Phone:         &wxidentv1.Phone{PhoneNumber: p.phone, PurePhoneNumber: p.phone, CountryCode: "86"},
		WatermarkTime: timestamppb.New(at),
	}, nil
}

func (v service) DecryptUserData(_ context.Context, request *wxidentv1.DecryptUserDataRequest) (*wxidentv1.DecryptUserDataResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.lockedSession(request.GetSessionToken())
	if err != nil {
		return nil, err
	}
	opened, err := s.lockedOpen(found.identity, "", request.GetEncryptedData(), request.GetIv())
	if err != nil {
		return nil, err
	}
	return &wxidentv1.DecryptUserDataResponse{Json: opened.json, WatermarkTime: timestamppb.New(opened.at)}, nil
}

func (v service) GetUserInfo(_ context.Context, request *wxidentv1.GetUserInfoRequest) (*wxidentv1.GetUserInfoResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var who *identity
	switch subject := request.GetSubject().(type) {
	case *wxidentv1.GetUserInfoRequest_SessionToken:
		found, err := s.lockedSession(subject.SessionToken)
		if err != nil {
			return nil, err
		}
		who = found.identity
	case *wxidentv1.GetUserInfoRequest_IdentityRef:
		found, err := s.lockedIdentity("identity_ref", subject.IdentityRef)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, userNotFound()
		}
		who = found
	default:
		return nil, invalid("subject", "is required")
	}
	source := wxidentv1.UserInfoSource_USER_INFO_SOURCE_UNSPECIFIED
	switch wanted := request.GetSource().(type) {
	case *wxidentv1.GetUserInfoRequest_Stored:
		if who.stored == nil {
			return nil, failure{reason: wxidentv1.ErrorReason_ERROR_REASON_PROFILE_NOT_FOUND,
				message: "no profile has been stored for this identity; get one from another source first"}.err()
		}
		stored := proto.CloneOf(who.stored)
		stored.User = who.person.user()
		return stored, nil
	case *wxidentv1.GetUserInfoRequest_EncryptedProfile:
		if request.GetIdentityRef() != nil {
			return nil, invalid("encrypted_profile", "needs a session_token")
		}
		profile := wanted.EncryptedProfile
		if _, err := s.lockedOpen(who, "encrypted_profile.", profile.GetEncryptedData(), profile.GetIv()); err != nil {
			return nil, err
		}
		source = wxidentv1.UserInfoSource_USER_INFO_SOURCE_ENCRYPTED_PROFILE
	case *wxidentv1.GetUserInfoRequest_Oauth:
		if s.web[who] == nil {
			return nil, grantExpired()
		}
		source = wxidentv1.UserInfoSource_USER_INFO_SOURCE_OAUTH
	case *wxidentv1.GetUserInfoRequest_Follower:
		source = wxidentv1.UserInfoSource_USER_INFO_SOURCE_FOLLOWER
	default:
		return nil, invalid("source", "is required")
	}
	who.stored = &wxidentv1.GetUserInfoResponse{
		UserInfo:  proto.CloneOf(who.person.profile),
		Identity:  who.message(),
		Source:    source,
		FetchTime: timestamppb.New(s.now()),
	}
	answer := proto.CloneOf(who.stored)
	answer.User = who.person.user()
	return answer, nil
}

func grantExpired() error {
	return failure{reason: wxidentv1.ErrorReason_ERROR_REASON_OAUTH_GRANT_EXPIRED,
		message: "the person has given no web authorisation; send the person through GetAuthorizeUrl"}.err()
}

func (v service) GetAccessToken(_ context.Context, request *wxidentv1.GetAccessTokenRequest) (*wxidentv1.GetAccessTokenResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.lockedApp("app_id", request.GetAppId())
	if err != nil {
		return nil, err
	}
	if web := request.GetWeb(); web != nil {
		who, err := s.lockedIdentity("web.identity_ref", web.GetIdentityRef())
		if err != nil {
			return nil, err
		}
		if who == nil {
			return nil, userNotFound()
		}
		token := s.web[who]
		if token == nil {
			return nil, grantExpired()
		}
		return proto.CloneOf(token), nil
	}
	if a.token.GetAccessToken() == request.GetRejectedAccessToken() || !s.now().Before(a.token.GetExpireTime().AsTime()) {
		s.rotate(a)
	}
	return proto.CloneOf(a.token), nil
}

func (v service) WatchAccessToken(request *wxidentv1.WatchAccessTokenRequest, stream grpc.ServerStreamingServer[wxidentv1.WatchAccessTokenResponse]) error {
	s := v.s
	s.mu.Lock()
	a, err := s.lockedApp("app_id", request.GetAppId())
	end := s.endWatches
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		token, rotated := a.token, a.rotated
		s.mu.Unlock()
		err := stream.Send(&wxidentv1.WatchAccessTokenResponse{
			AccessToken: token.GetAccessToken(),
			ExpireTime:  token.GetExpireTime(),
			Generation:  token.GetGeneration(),
			Kind:        token.GetKind(),
		})
		if err != nil {
			return err
		}
		select {
		case <-rotated:
		case <-end:
			return nil
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (v service) GetJsapiSignature(_ context.Context, request *wxidentv1.GetJsapiSignatureRequest) (*wxidentv1.GetJsapiSignatureResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.lockedApp("app_id", request.GetAppId()); err != nil {
		return nil, err
	}
	page, err := url.Parse(request.GetUrl())
	if err != nil || page.Host == "" || (page.Scheme != "http" && page.Scheme != "https") || len(request.GetUrl()) > 2048 {
		return nil, invalid("url", "must be an http or https URL of at most 2048 characters")
	}
	answer := &wxidentv1.GetJsapiSignatureResponse{
		AppId:     request.GetAppId(),
		Nonce:     hex.EncodeToString(randomBytes(8)),
		Timestamp: s.now().Unix(),
	}
	address, _, _ := strings.Cut(request.GetUrl(), "#")
	signature := sha1.Sum(fmt.Appendf(nil, "jsapi_ticket=ticket-of-%s&noncestr=%s&timestamp=%d&url=%s",
		answer.AppId, answer.Nonce, answer.Timestamp, address))
	answer.Signature = hex.EncodeToString(signature[:])
	return answer, nil
}

func (v service) GetAuthorizeUrl(_ context.Context, request *wxidentv1.GetAuthorizeUrlRequest) (*wxidentv1.GetAuthorizeUrlResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.lockedApp("app_id", request.GetAppId()); err != nil {
		return nil, err
	}
	back, err := url.Parse(request.GetRedirectUri())
	if err != nil || back.Scheme != "https" || back.Host == "" {
		return nil, invalid("redirect_uri", "must be an https URL")
	}
	page := "oauth2/authorize"
	switch request.GetScope() {
	case "snsapi_login":
		page = "qrconnect"
	case "snsapi_base", "snsapi_userinfo":
	default:
		return nil, invalid("scope", "must be snsapi_base, snsapi_userinfo or snsapi_login")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]{1,128}$`).MatchString(request.GetState()) {
		return nil, invalid("state", "must be 1 to 128 characters of A-Z, a-z, 0-9")
	}
	return &wxidentv1.GetAuthorizeUrlResponse{Url: fmt.Sprintf(
		"https://open.weixin.qq.com/connect/%s?appid=%s&redirect_uri=%s&response_type=code&scope=%s&state=%s#wechat_redirect",
		page, request.GetAppId(), url.QueryEscape(request.GetRedirectUri()), request.GetScope(), request.GetState())}, nil
}

// lockedIdentity needs the lock. It is nil for one that has never logged in.
func (s *Server) lockedIdentity(field string, ref *wxidentv1.IdentityRef) (*identity, error) {
	if _, err := s.lockedApp(field+".app_id", ref.GetAppId()); err != nil {
		return nil, err
	}
	if ref.GetOpenid() == "" {
		return nil, invalid(field+".openid", "is required")
	}
	for _, p := range s.people {
		for _, one := range p.identities {
			if one.seen && one.appID == ref.GetAppId() && one.openid == ref.GetOpenid() {
				return one, nil
			}
		}
	}
	return nil, nil
}

// lockedPerson needs the lock. It is nil for nobody.
func (s *Server) lockedPerson(is func(*person) bool) *person {
	for _, p := range s.people {
		if p.userID != "" && is(p) {
			return p
		}
	}
	return nil
}

func (p *person) seen() []*wxidentv1.Identity {
	var seen []*wxidentv1.Identity
	for _, one := range p.identities {
		if one.seen {
			seen = append(seen, one.message())
		}
	}
	return seen
}

func (v service) GetUser(_ context.Context, request *wxidentv1.GetUserRequest) (*wxidentv1.GetUserResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *person
	switch subject := request.GetSubject().(type) {
	case *wxidentv1.GetUserRequest_UserId:
		if !uuidForm.MatchString(subject.UserId) {
			return nil, invalid("user_id", "must be a UUID in lower-case text form")
		}
		found = s.lockedPerson(func(p *person) bool { return p.userID == subject.UserId })
	case *wxidentv1.GetUserRequest_IdentityRef:
		one, err := s.lockedIdentity("identity_ref", subject.IdentityRef)
		if err != nil {
			return nil, err
		}
		if one != nil {
			found = one.person
		}
	case *wxidentv1.GetUserRequest_UnionRef:
		if _, err := s.lockedApp("union_ref.app_id", subject.UnionRef.GetAppId()); err != nil {
			return nil, err
		}
		found = s.lockedPerson(func(p *person) bool { return p.unionid == subject.UnionRef.GetUnionid() })
	default:
		return nil, invalid("subject", "is required")
	}
	if found == nil {
		return nil, userNotFound()
	}
	return &wxidentv1.GetUserResponse{User: found.user(), Identities: found.seen()}, nil
}

func (v service) BatchGetUsers(_ context.Context, request *wxidentv1.BatchGetUsersRequest) (*wxidentv1.BatchGetUsersResponse, error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	refs, ids := request.GetIdentityRefs(), request.GetUserIds()
	switch {
	case len(refs) > 0 && len(ids) > 0:
		return nil, invalid("user_ids", "must be empty when there are identity_refs")
	case len(refs) > 500:
		return nil, invalid("identity_refs", "has more than 500")
	case len(ids) > 500:
		return nil, invalid("user_ids", "has more than 500")
	}
	answer := &wxidentv1.BatchGetUsersResponse{}
	add := func(p *person) {
		if p == nil {
			answer.Users = append(answer.Users, &wxidentv1.FoundUser{})
			return
		}
		answer.Users = append(answer.Users, &wxidentv1.FoundUser{Found: true, User: p.user(), Identities: p.seen()})
	}
	for i, ref := range refs {
		one, err := s.lockedIdentity(fmt.Sprintf("identity_refs[%d]", i), ref)
		if err != nil {
			return nil, err
		}
		if one == nil {
			add(nil)
		} else {
			add(one.person)
		}
	}
	for i, id := range ids {
		if !uuidForm.MatchString(id) {
			return nil, invalid(fmt.Sprintf("user_ids[%d]", i), "must be a UUID in lower-case text form")
		}
		add(s.lockedPerson(func(p *person) bool { return p.userID == id }))
	}
	return answer, nil
}
