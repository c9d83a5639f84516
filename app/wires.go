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

// jobSealer closes the results of people's jobs.
type jobSealer struct{ *seal.Sealer }

// Seal closes plain for one place.
func (s jobSealer) Seal(place string, plain []byte) (string, error) {
	return s.Sealer.Seal(seal.JobResult, place, plain)
}

// Open opens what was sealed for this place.
func (s jobSealer) Open(place, sealed string) ([]byte, error) {
	return s.Sealer.Open(seal.JobResult, place, sealed)
}
