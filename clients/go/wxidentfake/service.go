package wxidentfake

import (
	"regexp"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

var (
	codeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,512}$`)
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// service answers the calls: unary ones with the server's lock.
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
