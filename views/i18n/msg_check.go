package i18n

// Words of "Check access".

func (l Lang) ThisKey() string  { return l.pick("this key", "此密钥") }
func (l Lang) TheOwner() string { return l.pick("the key's owner", "密钥所有者") }

func (l Lang) TheTeam(name string) string { return l.fill("team %s", "团队 %s", name) }
func (l Lang) TheMemberIn(team string) string {
	return l.fill("the owner within team %s", "所有者在团队 %s 中", team)
}

func (l Lang) TheOrganization(name string) string {
	return l.fill("organization %s", "组织 %s", name)
}
func (l Lang) TheCustomer() string       { return l.pick("the end user", "最终用户") }
func (l Lang) TheTag(name string) string { return l.fill("tag %s", "标签 %s", name) }
func (l Lang) KeyBudgetsLead() string {
	return l.pick("A call counts in each of these, and every one can refuse it.", "每次调用都计入以下各项预算，任何一项都可以拒绝调用。")
}
func (l Lang) RefusesNow() string { return l.pick("Refuses calls now", "正在拒绝调用") }
func (l Lang) BudgetNotShown() string {
	return l.pick("Its figures are shown to admins only.", "其数字仅向管理员显示。")
}
func (l Lang) AmountLeft(amount string) string { return l.fill("%s left", "剩余 %s", amount) }
func (l Lang) AmountHeld(amount string) string {
	return l.fill("%s held by open calls", "进行中的调用占用 %s", amount)
}
func (l Lang) TheGateway() string { return l.pick("the whole gateway", "整个网关") }
func (l Lang) ForModel(whose, model string) string {
	return l.fill("%s for %s", "%s（模型 %s）", whose, model)
}

func (l Lang) CheckBlocked(whose string) string {
	return l.fill("Calls are refused: %s is blocked.", "调用会被拒绝：%s已停用。", whose)
}

func (l Lang) CheckExpired() string {
	return l.pick("Calls are refused: this key has expired.", "调用会被拒绝：此密钥已过期。")
}

func (l Lang) CheckMissing(whose string) string {
	return l.fill("Calls are refused: %s does not exist any more.", "调用会被拒绝：%s已不存在。", whose)
}

func (l Lang) CheckNoModel(model string) string {
	return l.fill("No deployment serves %s.", "没有部署提供 %s。", model)
}

func (l Lang) CheckCooling(model string) string {
	return l.fill("This key may call %s, but each of its deployments failed lately and is left alone for a moment.", "此密钥可以调用 %s，但其所有部署近期失败，暂时停用。", model)
}

func (l Lang) CheckLimit(whose, limit string) string {
	return l.fill("The limit of %s is used up for the moment: %s.", "%s的限额暂时用完：%s。", whose, limit)
}

func (l Lang) CheckBudget(whose, spent, limit string) string {
	return l.fill("The budget of %s is used up: %s of %s.", "%s的预算已用完：%s / %s。", whose, spent, limit)
}

func (l Lang) CheckResets(at string) string {
	return l.fill("It starts again on %s.", "将于 %s 重新开始。", at)
}

func (l Lang) NRequestsPerMin(n string) string {
	return l.fill("%s requests per minute", "每分钟 %s 个请求", n)
}

func (l Lang) NTokensPerMin(n string) string {
	return l.fill("%s tokens per minute", "每分钟 %s 个词元", n)
}

func (l Lang) NParallel(n string) string { return l.fill("%s at the same time", "同时 %s 个", n) }
