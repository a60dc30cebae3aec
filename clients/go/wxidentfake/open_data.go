package wxidentfake

import (
	"context"
	"encoding/base64"

	"google.golang.org/protobuf/types/known/timestamppb"

	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

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
