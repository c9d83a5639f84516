package keyring

// Level is whose rule, budget or limit it is.
type Level uint8

// The levels at which a call can be refused or counted.
const (
	LevelKey Level = iota
	LevelKeyModel
	LevelTeam
	LevelTeamModel
	LevelOrg
	LevelMember
	LevelUser
	LevelCustomer
	LevelTag
	LevelProxy
	LevelSession
	LevelDeployment
)

// String is the level in the words of LiteLLM's headers and bodies.
func (l Level) String() string {
	switch l {
	case LevelKey:
		return "key"
	case LevelKeyModel:
		return "model_per_key"
	case LevelTeam:
		return "team"
	case LevelTeamModel:
		return "model_per_team"
	case LevelOrg:
		return "organization"
	case LevelMember:
		return "team_member"
	case LevelUser:
		return "user"
	case LevelCustomer:
		return "end_user"
	case LevelTag:
		return "tag"
	case LevelProxy:
		return "proxy"
	case LevelSession:
		return "session"
	case LevelDeployment:
		return "deployment"
	}
	return "unknown"
}
