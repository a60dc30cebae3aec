#ifndef WXIDENT_SIMULATOR_PHONE_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_PHONE_ENDPOINTS_H_

#include "simulator/api.h"

namespace wxident::simulator {

// POST /wxa/business/getuserphonenumber: a phone code for the number.
Answer GetUserPhoneNumber(World& world, ApiCall& call);

// The payload that WeChat gives for a phone, without the watermark:
// phoneNumber, purePhoneNumber, countryCode.
Json PhonePayload(const Settings& settings, const Phone& phone);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_PHONE_ENDPOINTS_H_
