#include "pack-cache.h"

#include "memory.h"

namespace reckon {

PackCache::~PackCache() {
  for (auto& [key, entry] : entries_) release(entry.copy, entry.bytes);
}

size_t PackCache::Hash::operator()(const PackKey& key) const {
  uint64_t hash = reinterpret_cast<uintptr_t>(key.weight);
  for (int64_t part : {static_cast<int64_t>(key.kind), key.rows, key.columns, key.count}) {
    hash = (hash ^ static_cast<uint64_t>(part)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  return static_cast<size_t>(hash);
}

void* PackCache::find(const Thread& thread, const PackKey& key, double version) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.version != version) return nullptr;
  // A copy that this very call makes may not be finished; a thread alone has finished it.
  return found->second.call == thread.call && thread.count > 1 ? nullptr : found->second.copy;
}

void PackCache::renew(const Thread& thread, const PackKey& key, double version, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[key];
  if (entry.bytes != bytes) {
    release(entry.copy, entry.bytes);
    bytes_ -= entry.bytes;
    entry = Entry{};
    entry.copy = reserve(bytes);
    if (!entry.copy) {
      entries_.erase(key);
      throw OutOfMemory{bytes};
    }
    entry.bytes = bytes;
    bytes_ += bytes;
  }
  entry.version = version;
  entry.call = thread.call;
}

void* PackCache::place(const PackKey& key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return entries_.find(key)->second.copy;
}

void PackCache::drop(const void* begin, size_t bytes) {
  const uintptr_t low = reinterpret_cast<uintptr_t>(begin);
  for (auto at = entries_.begin(); at != entries_.end();) {
    const uintptr_t weight = reinterpret_cast<uintptr_t>(at->first.weight);
    if (weight >= low && weight - low < bytes) {
      release(at->second.copy, at->second.bytes);
      bytes_ -= at->second.bytes;
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
}

}  // namespace reckon
