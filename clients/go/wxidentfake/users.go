package wxidentfake

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

func (v service) GetUserInfo(_ context.Context, request *wxidentv1.GetUserInfoRequest) (*wxidentv1.GetUserInfoResponse, error) {
	s := v.s
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
	add := func(p *person, err error) {
		found := &wxidentv1.FoundUser{}
		switch {
		case err != nil:
			found.Error = itemError(err)
		case p != nil:
			found.Found, found.User, found.Identities = true, p.user(), p.seen()
		}
		answer.Users = append(answer.Users, found)
	}
	for i, ref := range refs {
		one, err := s.lockedIdentity(fmt.Sprintf("identity_refs[%d]", i), ref)
		if one == nil {
			add(nil, err)
		} else {
			add(one.person, nil)
		}
	}
	for i, id := range ids {
		if !uuidForm.MatchString(id) {
			add(nil, invalid(fmt.Sprintf("user_ids[%d]", i), "must be a UUID in lower-case text form"))
			continue
		}
		add(s.lockedPerson(func(p *person) bool { return p.userID == id }), nil)
	}
	return answer, nil
}
