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
        [0] меняются условия
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
    }.
rates-list = Полный тариф: { $link }
rates-list-request = Полный список предоставляется по запросу.
rates-steps = После цены указан шаг тарификации: при 30/6 первые 30 секунд оплачиваются целиком, затем — каждые 6 секунд.
rates-next = Если указаны две цены через |, вторая действует после первого шага.
rates-fee = Сумма после + взимается один раз за каждый отвеченный звонок.
rates-hours = Время «{ $period }»: { $times }.
rates-hours-changed = Время «{ $period }» с { $date }: { $times }; до этого: { $before }.
rates-overlap = Если одновременно действует несколько этих периодов, с { $date } применяется первый в этом порядке: { $order }.
rates-rounding =
    С { $date } суммы с пятью знаками после запятой округляются { $new ->
        [up] в большую сторону
        [down] в меньшую сторону
       *[half-up] до ближайшего значения
    }; до этого — { $old ->
        [up] в большую сторону
        [down] в меньшую сторону
       *[half-up] до ближайшего значения
    }.
rates-old-currency = Старые цены указаны в { $oldCurrency } за минуту.
weekdays = пн вт ср чт пт сб вс
rates-prefix = Префикс
rates-destination = Направление
rates-old = Старая цена
rates-new = Новая цена
rates-from = Действует с
rates-added = (новое)
rates-removed = (снято)
