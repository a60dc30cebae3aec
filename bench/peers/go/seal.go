package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
)

// sealer keeps what is stored from whoever reads the database: AES-256-GCM,
// the nonce in front, bound to the place.
type sealer struct {
	aead cipher.AEAD
}

func newSealer(keyFile string) (*sealer, error) {
	text, err := readLine(keyFile)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead}, err
}

func (s *sealer) seal(text, place string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, []byte(text), []byte(place))
}

func (s *sealer) open(sealed []byte, place string) (string, error) {
	size := s.aead.NonceSize()
	if len(sealed) < size {
		return "", errors.New("a sealed value is cut")
	}
	text, err := s.aead.Open(nil, sealed[:size], sealed[size:], []byte(place))
	return string(text), err
}
