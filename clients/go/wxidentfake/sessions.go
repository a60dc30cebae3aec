package wxidentfake

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

func (v service) Login(_ context.Context, request *wxidentv1.LoginRequest) (*wxidentv1.LoginResponse, error) {
	s := v.s
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
	if _, err := s.lockedSession(request.GetSessionToken()); err != nil {
		return nil, err
	}
	return &wxidentv1.CheckSessionKeyResponse{Valid: true}, nil
}
