# Mails to account holders, English. Amounts, dates and tables come ready to print; counts are numbers.

footer = This message was sent automatically for account { $account }.
talk-time = { $seconds ->
        [0] { $minutes } min
       *[other] { $minutes } min { $seconds } s
    }

low-balance-subject = { $account }: balance down to { $balance }
low-balance-body =
    The balance of account { $account } is { $balance }. That is below the warning level of { $threshold }.

    When it is used up, calls in progress end and new ones are refused. A top-up counts at once, also for calls in progress.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] less than one minute left
        [one] one minute left
       *[other] { $minutes } minutes left
    }
low-minutes-body =
    { $minutes ->
        [0] Less than one minute is left
        [one] One minute is left
       *[other] { $minutes } minutes are left
    } in the package “{ $pocket }” of account { $account }, and the balance is not enough for calls after that.

    Please top up if you want to go on calling.

credit-expires-subject = { $account }: { $amount } will expire on { $date }
credit-expires-body =
    { $kind ->
        [pocket] { $amount } in the package “{ $pocket }” of account { $account } will expire on { $date }
       *[balance] The balance of account { $account }, { $amount }, will expire on { $date }
    }, { $days ->
        [0] in less than a day
        [one] in one day
       *[other] in { $days } days
    }.

    It cannot be used after that.

credit-expired-subject = { $account }: { $amount } has expired
credit-expired-body =
    { $kind ->
        [pocket] { $amount } in the package “{ $pocket }” of account { $account } has expired because it was not used in time.
       *[balance] The balance of account { $account }, { $amount }, has expired because it was not used in time.
    }

top-up-subject = { $account }: { $amount } received
top-up-body =
    We have credited { $amount } to account { $account }. Thank you.

    Reference: { $reference }
    New balance: { $balance }

rates-change-subject = { $account }: new prices in “{ $deck }”
rates-change-body =
    { $count ->
        [0] The terms change
        [one] One price changes
       *[other] { $count } prices change
    } in the price list “{ $deck }” used by account { $account }. Prices are in { $currency } per minute.

    { $table }

    Calls answered before a change keep the old price.
rates-change-more =
    { $more ->
        [one] One more change is
       *[other] { $more } more changes are
    } not shown here.
rates-list = The complete price list: { $link }
rates-list-request = The complete list is available on request.
rates-steps = A price is followed by its billing steps: 30/6 charges the first 30 seconds as a whole and then every 6 seconds.
rates-next = Of two prices with | between them the second is charged after the first step.
rates-fee = The amount after + is charged once per answered call.
rates-hours = Times of “{ $period }”: { $times }.
rates-hours-changed = Times of “{ $period }” from { $date }: { $times }; until then: { $before }.
rates-overlap = Where several of these periods hold at once, from { $date } the first in this order counts: { $order }.
rates-rounding =
    From { $date } amounts are rounded { $new ->
        [up] up
        [down] down
       *[half-up] to the nearest value
    } at five decimals; until then { $old ->
        [up] up
        [down] down
       *[half-up] to the nearest value
    }.
rates-old-currency = Old prices are in { $oldCurrency } per minute.
weekdays = Mon Tue Wed Thu Fri Sat Sun
rates-prefix = Prefix
rates-destination = Destination
rates-old = Old
rates-new = New
rates-from = From
rates-added = (new)
rates-removed = (ends)
