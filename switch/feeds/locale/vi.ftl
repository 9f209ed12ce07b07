# Thư gửi chủ tài khoản, tiếng Việt. Danh từ không đổi theo số lượng.

footer = Thư này được gửi tự động cho tài khoản { $account }.
talk-time = { $seconds ->
        [0] { $minutes } phút
       *[other] { $minutes } phút { $seconds } giây
    }

low-balance-subject = { $account }: số dư chỉ còn { $balance }
low-balance-body =
    Số dư của tài khoản { $account } là { $balance }, thấp hơn mức cảnh báo { $threshold }.

    Khi hết số dư, các cuộc gọi đang diễn ra sẽ kết thúc và các cuộc gọi mới sẽ bị từ chối. Tiền nạp có hiệu lực ngay, kể cả với các cuộc gọi đang diễn ra.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] còn chưa đến một phút
       *[other] còn { $minutes } phút
    }
low-minutes-body =
    Gói “{ $pocket }” của tài khoản { $account } { $minutes ->
        [0] còn chưa đến một phút
       *[other] còn { $minutes } phút
    }, và số dư không đủ để gọi tiếp sau đó.

    Vui lòng nạp thêm tiền nếu quý khách muốn tiếp tục gọi.

credit-expires-subject = { $account }: { $amount } sẽ hết hạn vào { $date }
credit-expires-body =
    { $kind ->
        [pocket] { $amount } trong gói “{ $pocket }” của tài khoản { $account } sẽ hết hạn vào { $date }
       *[balance] Số dư của tài khoản { $account }, { $amount }, sẽ hết hạn vào { $date }
    }, { $days ->
        [0] trong chưa đến một ngày nữa
       *[other] sau { $days } ngày nữa
    }.

    Sau thời điểm đó sẽ không thể sử dụng được nữa.

credit-expired-subject = { $account }: { $amount } đã hết hạn
credit-expired-body =
    { $kind ->
        [pocket] { $amount } trong gói “{ $pocket }” của tài khoản { $account } đã hết hạn vì không được sử dụng kịp thời.
       *[balance] Số dư của tài khoản { $account }, { $amount }, đã hết hạn vì không được sử dụng kịp thời.
    }

top-up-subject = { $account }: đã nhận { $amount }
top-up-body =
    Chúng tôi đã ghi có { $amount } vào tài khoản { $account }. Xin cảm ơn quý khách.

    Nội dung thanh toán: { $reference }
    Số dư mới: { $balance }

rates-change-subject = { $account }: giá mới trong bảng giá “{ $deck }”
rates-change-body =
    { $count ->
        [0] Điều kiện tính cước thay đổi
       *[other] Có { $count } mức giá thay đổi
    } trong bảng giá “{ $deck }” áp dụng cho tài khoản { $account }. Giá tính bằng { $currency } mỗi phút.

    { $table }

    Các cuộc gọi được trả lời trước khi thay đổi vẫn giữ giá cũ.
rates-change-more = Còn { $more } thay đổi khác không nêu ở đây.
rates-list = Bảng giá đầy đủ: { $link }
rates-list-request = Bảng giá đầy đủ được cung cấp theo yêu cầu.
rates-steps = Sau mỗi mức giá là bước tính cước: 30/6 nghĩa là 30 giây đầu tính trọn, sau đó tính theo từng 6 giây.
rates-next = Nếu có hai mức giá cách nhau bởi |, mức thứ hai áp dụng sau bước đầu tiên.
rates-fee = Số tiền sau dấu + được tính một lần cho mỗi cuộc gọi được trả lời.
rates-hours = Khung giờ “{ $period }”: { $times }.
rates-hours-changed = Khung giờ “{ $period }” từ { $date }: { $times }; trước đó: { $before }.
rates-overlap = Khi nhiều khung giờ này trùng nhau, từ { $date } áp dụng khung giờ đứng trước theo thứ tự: { $order }.
rates-rounding =
    Từ { $date } số tiền ở năm chữ số thập phân được làm tròn { $new ->
        [up] lên
        [down] xuống
       *[half-up] đến giá trị gần nhất
    }; trước đó làm tròn { $old ->
        [up] lên
        [down] xuống
       *[half-up] đến giá trị gần nhất
    }.
rates-old-currency = Giá cũ tính bằng { $oldCurrency } mỗi phút.
weekdays = T2 T3 T4 T5 T6 T7 CN
rates-prefix = Đầu số
rates-destination = Điểm đến
rates-old = Giá cũ
rates-new = Giá mới
rates-from = Từ ngày
rates-added = (mới)
rates-removed = (ngừng)
