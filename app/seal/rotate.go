package seal

// Row is one sealed value with its place: what a rotation reads and writes back.
type Row struct {
	ID      string // for reports: the deployment's id or the setting's name
	Purpose Purpose
	AAD     string
	Sealed  string
}

// Invalid is a row that cannot be opened; the caller disables what it belongs to, by name.
type Invalid struct {
	ID  string
	Err error // ErrUnknownKey or ErrInvalid
}

// ResealAll seals every row under the current salt. The rows come back in their order; with one that cannot be opened
// nothing may be written, since a rotation is all or nothing.
func (s *Sealer) ResealAll(rows []Row) ([]Row, []Invalid, error) {
	out := make([]Row, 0, len(rows))
	var invalid []Invalid
	for _, r := range rows {
		plaintext, err := s.Open(r.Purpose, r.AAD, r.Sealed)
		if err != nil {
			invalid = append(invalid, Invalid{ID: r.ID, Err: err})
			continue
		}
		if r.Sealed, err = s.Seal(r.Purpose, r.AAD, plaintext); err != nil {
			return nil, invalid, err
		}
		out = append(out, r)
	}
	return out, invalid, nil
}
