package i18n

// Names of settings.

func (l Lang) SettingsElsewhere() string {
	return l.pick("Values are set in config.yaml and in the environment.", "各项值在 config.yaml 和环境变量中设置。")
}

func (l Lang) SetItIn(where string) string {
	return l.fill("Not set here. Set %s to change it.", "此处未设置。请设置 %s 来更改。", where)
}
func (l Lang) NotSet() string          { return l.pick("not set", "未设置") }
func (l Lang) IsSet() string           { return l.pick("set, not shown", "已设置，不显示") }
func (l Lang) SettingBaseURL() string  { return l.pick("Public address", "公开地址") }
func (l Lang) SettingRootPath() string { return l.pick("Path prefix", "路径前缀") }
func (l Lang) SettingZone() string     { return l.pick("Reporting zone", "报表时区") }
func (l Lang) SettingGlobalBudget() string {
	return l.pick("Budget over everything", "总预算")
}

func (l Lang) SettingModelsInDB() string {
	return l.pick("Models can be added in the portal", "可在门户中添加模型")
}
func (l Lang) SettingConfigPath() string { return l.pick("Configuration file", "配置文件") }
func (l Lang) SettingOperator() string {
	return l.pick("Operator's user name", "运维账户用户名")
}

func (l Lang) SettingOperatorPassword() string {
	return l.pick("Operator's password", "运维账户密码")
}

func (l Lang) SettingPasswordLength() string {
	return l.pick("Shortest password", "密码最短长度")
}
func (l Lang) SettingLoginRate() string { return l.pick("Sign-in tries", "登录尝试次数") }
func (l Lang) SettingSession() string   { return l.pick("Length of a session", "会话时长") }
func (l Lang) SettingIdle() string      { return l.pick("Ends when idle for", "闲置多久后结束") }

func (l Lang) SettingIdleAdmin() string {
	return l.pick("Ends when idle for, admins", "管理员闲置多久后结束")
}
func (l Lang) SettingInvite() string { return l.pick("Invitations work for", "邀请有效期") }
func (l Lang) SettingAccess() string {
	return l.pick("Who may use the portal", "谁可以使用门户")
}

func (l Lang) SettingDomains() string {
	return l.pick("Email domains let in", "允许的邮箱域名")
}

func (l Lang) SettingTeamSync() string {
	return l.pick("Teams follow groups", "团队随组同步")
}
func (l Lang) SettingMailHost() string     { return l.pick("Mail server", "邮件服务器") }
func (l Lang) SettingMailPort() string     { return l.pick("Mail port", "邮件端口") }
func (l Lang) SettingMailUser() string     { return l.pick("Mail user", "邮件用户") }
func (l Lang) SettingMailPassword() string { return l.pick("Mail password", "邮件密码") }
func (l Lang) SettingMailSender() string   { return l.pick("Sender", "发件人") }
func (l Lang) SettingMailKey() string {
	return l.pick("Mails hold the key itself", "邮件中包含密钥")
}

func (l Lang) SettingDefaults() string {
	return l.pick("Defaults of new keys", "新密钥的默认值")
}

func (l Lang) SettingBounds() string { return l.pick("Bounds of every key", "所有密钥的上限") }

func (l Lang) SettingWhoMakes() string { return l.pick("Who may create keys", "谁可以创建密钥") }

func (l Lang) SettingNoPersonal() string {
	return l.pick("Personal keys are off", "关闭个人密钥")
}

func (l Lang) SettingPersonalRoles() string {
	return l.pick("Roles that may create personal keys", "可创建个人密钥的角色")
}

func (l Lang) SettingTeamRoles() string {
	return l.pick("Team roles that may create team keys", "可创建团队密钥的团队角色")
}

func (l Lang) SettingPlayground() string {
	return l.pick("Playground budget of a session", "每个会话的试验场预算")
}

func (l Lang) SettingRequestLogs() string {
	return l.pick("Keep a row for each request", "为每个请求保留记录")
}

func (l Lang) SettingStorePrompts() string {
	return l.pick("Keep requests and answers", "保留请求与回答")
}

func (l Lang) SettingRetention() string {
	return l.pick("Delete request rows after", "请求记录删除时间")
}
func (l Lang) SettingLogLevel() string { return l.pick("Log level", "日志级别") }
func (l Lang) SettingJSONLogs() string { return l.pick("Logs as JSON", "JSON 格式日志") }
func (l Lang) SettingCacheScope() string {
	return l.pick("Cached answers are shared by", "缓存回答的共享范围")
}
func (l Lang) SettingAlertKinds() string { return l.pick("Alerts go to", "告警发送至") }
func (l Lang) SettingAlertTypes() string { return l.pick("Alerts about", "告警类型") }
func (l Lang) SettingBudgetAlert() string {
	return l.pick("Share of a budget that alerts", "触发告警的预算比例")
}
