# Письма владельцам счетов, русский.

footer = Это письмо отправлено автоматически по счёту { $account }.
talk-time = { $seconds ->
        [0] { $minutes } мин
       *[other] { $minutes } мин { $seconds } с
    }

low-balance-subject = { $account }: остаток на счёте { $balance }
low-balance-body =
    Остаток на счёте { $account }: { $balance }. Это ниже порога предупреждения { $threshold }.

    Когда средства закончатся, текущие звонки завершатся, а новые будут отклоняться. Пополнение действует сразу, в том числе для текущих звонков.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] осталось меньше минуты
        [one] осталась { $minutes } минута
        [few] осталось { $minutes } минуты
       *[many] осталось { $minutes } минут
    }
low-minutes-body =
    В пакете «{ $pocket }» счёта { $account } { $minutes ->
        [0] осталось меньше минуты
        [one] осталась { $minutes } минута
        [few] осталось { $minutes } минуты
       *[many] осталось { $minutes } минут
    }, а средств на счёте для дальнейших звонков недостаточно.

    Чтобы продолжать звонить, пополните счёт.

credit-expires-subject = { $account }: { $amount } сгорят { $date }
credit-expires-body =
    { $kind ->
        [pocket] Остаток пакета «{ $pocket }» на счёте { $account }, { $amount }, сгорит { $date }
       *[balance] Остаток на счёте { $account }, { $amount }, сгорит { $date }
    }, { $days ->
        [0] менее чем через день
        [one] через { $days } день
        [few] через { $days } дня
       *[many] через { $days } дней
    }.

    После этого использовать его будет нельзя.

credit-expired-subject = { $account }: срок действия истёк, списано { $amount }
credit-expired-body =
    { $kind ->
        [pocket] Остаток пакета «{ $pocket }» на счёте { $account }, { $amount }, сгорел, так как не был использован вовремя.
       *[balance] Остаток на счёте { $account }, { $amount }, сгорел, так как не был использован вовремя.
    }

top-up-subject = { $account }: зачислено { $amount }
top-up-body =
    На счёт { $account } зачислено { $amount }. Спасибо.

    Назначение платежа: { $reference }
    Остаток на счёте: { $balance }

rates-change-subject = { $account }: новые цены в тарифе «{ $deck }»
rates-change-body =
    В тарифе «{ $deck }», по которому звонит счёт { $account }, { $count ->
        [one] меняется { $count } цена
        [few] меняются { $count } цены
       *[many] меняется { $count } цен
    }. Цены указаны в { $currency } за минуту.

    { $table }

    Для звонков, на которые ответили до изменения, действует прежняя цена.
rates-change-more =
    { $more ->
        [one] Ещё { $more } изменение здесь не показано
        [few] Ещё { $more } изменения здесь не показаны
       *[many] Ещё { $more } изменений здесь не показано
    }; полный список предоставляется по запросу.
rates-prefix = Префикс
rates-destination = Направление
rates-old = Старая цена
rates-new = Новая цена
rates-from = Действует с
rates-added = (новое)
rates-removed = (снято)
