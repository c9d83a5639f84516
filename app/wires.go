package app

import "gatehouse/app/seal"

// responseSealer closes the ids of responses that clients get.
type responseSealer struct{ *seal.Sealer }

// Seal closes an id.
func (s responseSealer) Seal(plain []byte) (string, error) {
	return s.Sealer.Seal(seal.ResponseID, "", plain)
}

// Open opens an id.
func (s responseSealer) Open(sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.ResponseID, "", sealed)
}
